// NetDevicePlan owns which network devices move into the container and what they are called there, as values.
import Faults
import Linux
import OCISpec

/// One device to move.
struct PlannedNetDevice: Hashable, Sendable {
    /// Its name in the runtime's namespace.
    let hostName: String
    /// Its name in the container; a `%d` at its end is a number that the kernel chooses.
    let name: String

    /// Whether the kernel chooses a part of the name.
    var isTemplate: Bool { name.hasSuffix(NetDevicePlan.template) }
}

enum NetDevicePlan {
    static let template = "%d"
    /// The longest name of a device (IFNAMSIZ without the zero).
    static let nameBytesMax = 15

    /// The devices in the order of their names.
    static func make(_ devices: [String: RuntimeSpec.Linux.NetDevice]?, namespaces: NamespacePlan) throws(Fault) -> [PlannedNetDevice] {
        guard let devices, !devices.isEmpty else { return [] }
        guard namespaces.all.contains(.network) else {
            throw Fault(.invalidArgument, "linux.netDevices: unable to move network devices without a network namespace of the container's own")
        }
        var plan: [PlannedNetDevice] = []
        for (hostName, device) in devices.sorted(by: { $0.key < $1.key }) {
            let name = device.name.flatMap { $0.isEmpty ? nil : $0 } ?? hostName
            guard isName(hostName, allowsTemplate: false) else {
                throw Fault(.invalidArgument, "linux.netDevices: \"\(hostName)\" is not the name of a device")
            }
            guard isName(name, allowsTemplate: true) else {
                throw Fault(.invalidArgument, "linux.netDevices.\(hostName).name \"\(name)\" is not the name of a device")
            }
            let planned = PlannedNetDevice(hostName: hostName, name: name)
            if !planned.isTemplate, let other = plan.first(where: { $0.name == name }) {
                throw Fault(.invalidArgument, "linux.netDevices: \(other.hostName) and \(hostName) would both be \(name) in the container")
            }
            plan.append(planned)
        }
        return plan
    }

    /// What the kernel takes for a name (dev_valid_name), where `%` is nothing but the template's.
    private static func isName(_ name: String, allowsTemplate: Bool) -> Bool {
        guard (1...nameBytesMax).contains(name.utf8.count), name != ".", name != ".." else { return false }
        let word = allowsTemplate && name.hasSuffix(template) ? Substring(name.dropLast(template.count)) : Substring(name)
        return word.utf8.allSatisfy { byte in
            byte > 0x20 && byte != 0x7F && byte != UInt8(ascii: "/") && byte != UInt8(ascii: ":") && byte != UInt8(ascii: "%")
        }
    }
}
