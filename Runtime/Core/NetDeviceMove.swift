// NetDeviceMove owns the moving of network devices of the host into a container's network namespace
// (config-linux.md, Network Devices), and their way back when the container's creation fails. Once the
// container is there its devices are its own: nothing takes them out again, and when the namespace ends
// the kernel gives hardware back to the host.
import CLinux
import Faults
import Linux
import Netlink

/// A conversation with two namespaces. A class, for what was moved has one owner that can give it back.
/// Needs CAP_NET_ADMIN over both namespaces and CAP_SYS_ADMIN to enter the container's for a moment.
final class NetDeviceMove {
    /// What is needed to give a device back.
    private struct Moved {
        let hostName: String
        let index: Int32
        let wasUp: Bool
        let addresses: [InterfaceAddress]
    }

    private let home: FileDescriptor
    private let target: FileDescriptor
    private var outside: NetlinkSocket
    private var inside: NetlinkSocket
    private var moved: [Moved] = []

    /// Opens the namespace at `path`, which lives on for as long as this does.
    init(into path: String) throws(Fault) {
        let home = try attempt("open own network namespace") { () throws(Errno) in try Namespaces.own("net") }
        let target = try attempt("open network namespace \(path)") { () throws(Errno) in try Files.open(path) }
        outside = try NetlinkSocket()
        inside = try Self.socket(in: target, path: path, from: home)
        self.home = home
        self.target = target
    }

    /// A socket belongs to the namespace it was opened in, so this process is there for that moment.
    private static func socket(
        in target: borrowing FileDescriptor, path: String, from home: borrowing FileDescriptor
    ) throws(Fault) -> NetlinkSocket {
        do throws(Errno) { try Namespaces.enter(target, kind: .network) } catch { throw Fault(error, "enter network namespace \(path)") }
        do throws(Fault) {
            let socket = try NetlinkSocket()
            try comeBack(to: home)
            return socket
        } catch {
            try comeBack(to: home)
            throw error
        }
    }

    private static func comeBack(to home: borrowing FileDescriptor) throws(Fault) {
        do throws(Errno) { try Namespaces.enter(home, kind: .network) } catch { throw Fault(error, "return to own network namespace") }
    }

    /// Moves a device, renames it, gives it the addresses it had and switches it on.
    func move(_ device: PlannedNetDevice) throws(Fault) {
        try within("move network device \(device.hostName)") { () throws(Fault) in
            guard let link = try outside.link(named: device.hostName) else { throw Fault(.notFound, "there is no such device", errno: ENODEV) }
            let addresses = try outside.lastingAddresses(of: link.index)
            let before = try inside.links()
            if !device.isTemplate && before.contains(where: { $0.name == device.name }) {
                throw Fault(.conflict, "the container has a device \(device.name) already", errno: EEXIST)
            }
            let change = LinkChange(name: device.name, namespace: target.rawValue)
            try outside.request("move to the container as \(device.name)", LinkRequest.change(index: link.index, change))
            // Its number may be another there, and its name the kernel's choice.
            guard let arrived = try inside.links().first(where: { new in !before.contains { $0.index == new.index } }) else {
                throw Fault(.failed, "it did not arrive")
            }
            moved.append(Moved(hostName: device.hostName, index: arrived.index, wasUp: link.isUp, addresses: addresses))
            try Self.restore(addresses, to: arrived, before: device.hostName, in: &inside)
            try inside.request("switch on", LinkRequest.change(index: arrived.index, LinkChange(up: true)))
        }
    }

    /// Moves everything back, as it was; what cannot be is said, and the rest goes on.
    func giveBack(journal: Journal) {
        for device in moved.reversed() {
            do throws(Fault) { try giveBack(device) } catch { journal.write(.warning, "undo: \(error.within("give back network device \(device.hostName)"))") }
        }
        moved = []
    }

    private func giveBack(_ device: Moved) throws(Fault) {
        let name = try inside.links().first { $0.index == device.index }?.name ?? device.hostName
        let change = LinkChange(name: device.hostName, namespace: home.rawValue)
        try inside.request("move", LinkRequest.change(index: device.index, change))
        guard let link = try outside.link(named: device.hostName) else { throw Fault(.failed, "it did not arrive") }
        try Self.restore(device.addresses, to: link, before: name, in: &outside)
        if device.wasUp { try outside.request("switch on", LinkRequest.change(index: link.index, LinkChange(up: true))) }
    }

    private static func restore(
        _ addresses: [InterfaceAddress], to link: Link, before oldName: String, in socket: inout NetlinkSocket
    ) throws(Fault) {
        for address in addresses {
            do throws(Fault) { try socket.request("add address", address.add(to: link.index, named: link.name, before: oldName)) } catch {
                // One that the kernel has kept.
                if error.kind != .conflict { throw error }
            }
        }
    }
}
