import CLinux
import Faults
import Linux
import Netlink

/// A host port that is held by a bound socket, so that it is taken for other programs too. No
/// byte passes through: the kernel translates addresses before it looks for sockets, and goes on
/// doing so when the engine is dead and the socket gone.
final class HeldPort: Sendable {
    /// Nil where the kernel has no such transport to bind; the table alone keeps it then.
    private let descriptor: FileDescriptor?

    private init(_ descriptor: consuming FileDescriptor?) { self.descriptor = descriptor }

    /// Binds a host port.
    /// - Throws: `Errno.addressInUse` where another program has it.
    static func hold(_ transport: Transport, _ address: IPv4Address, _ port: UInt16) throws(Errno) -> HeldPort {
        do throws(Errno) { return HeldPort(try bound(transport, address, port, reuse: false)) } catch {
            if transport == .sctp && (error.rawValue == EPROTONOSUPPORT || error.rawValue == ESOCKTNOSUPPORT) { return HeldPort(nil) }
            guard error == .addressInUse, transport == .tcp else { throw error }
        }
        // Only connections of the past may be in the way (TIME_WAIT): they do not hinder a listener.
        // It has to listen, since without that others could bind the same way.
        let socket = try bound(transport, address, port, reuse: true)
        let number = socket.rawValue
        try call { listen(number, 0) }
        return HeldPort(socket)
    }

    private static func bound(_ transport: Transport, _ address: IPv4Address, _ port: UInt16, reuse: Bool) throws(Errno) -> FileDescriptor {
        let (type, proto) =
            switch transport {
            case .tcp: (SOCK_STREAM, CInt(IPPROTO_TCP))
            case .udp: (SOCK_DGRAM, CInt(IPPROTO_UDP))
            case .sctp: (SOCK_STREAM, CInt(IPPROTO_SCTP))
            }
        let descriptor = FileDescriptor(owning: try call { socket(AF_INET, CInt(type.rawValue | SOCK_CLOEXEC.rawValue), proto) })
        let number = descriptor.rawValue
        if reuse {
            var on: CInt = 1
            try call { setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size)) }
        }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = address.value.bigEndian
        try call {
            withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { cais_bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
            }
        }
        return descriptor
    }
}

/// The host ports that containers of this engine have, each held by a socket.
struct HostPorts: Sendable {
    private struct Key: Hashable {
        let transport: Transport
        let port: UInt16
    }

    private struct Holding {
        let address: IPv4Address
        let holder: HeldPort?
    }

    /// Where ports are taken from when nobody says which.
    let ephemeral: ClosedRange<UInt16>
    private var holdings: [Key: [Holding]] = [:]
    private var cursor: UInt16?

    /// Starts with none held.
    init(ephemeral: ClosedRange<UInt16>) { self.ephemeral = ephemeral }

    /// The kernel's range for ports that nobody asked for by number.
    static func kernelRange() -> ClosedRange<UInt16> {
        // Without /proc the range of IANA is as good as any.
        let text = (try? ProcSetting.read("/proc/sys/net/ipv4/ip_local_port_range")) ?? ""
        let ends = text.split(whereSeparator: { $0 == "\t" || $0 == " " }).compactMap { UInt16($0) }
        return ends.count == 2 && ends[0] <= ends[1] && ends[0] > 0 ? ends[0]...ends[1] : 49153...65535
    }

    /// Holds a host port for every wish, or none.
    mutating func take(_ wishes: [PortWish], for address: IPv4Address) throws(Fault) -> [PortMapping] {
        var mappings: [PortMapping] = []
        for wish in wishes {
            do throws(Fault) { mappings.append(try take(wish, for: address)) } catch {
                for mapping in mappings { release(mapping) }
                throw error
            }
        }
        return mappings
    }

    /// Holds the port of a mapping that the kernel already serves. It stays in the table even
    /// where the socket cannot be had, and the reason is thrown.
    mutating func restore(_ mapping: PortMapping) throws(Errno) {
        let key = Key(transport: mapping.transport, port: mapping.hostPort)
        do throws(Errno) {
            let held = try HeldPort.hold(mapping.transport, mapping.address, mapping.hostPort)
            holdings[key, default: []].append(Holding(address: mapping.address, holder: held))
        } catch {
            holdings[key, default: []].append(Holding(address: mapping.address, holder: nil))
            throw error
        }
    }

    /// Lets a port go.
    mutating func release(_ mapping: PortMapping) {
        let key = Key(transport: mapping.transport, port: mapping.hostPort)
        guard var list = holdings[key], let at = list.firstIndex(where: { $0.address == mapping.address }) else { return }
        list.remove(at: at)
        holdings[key] = list.isEmpty ? nil : list
    }

    private mutating func take(_ wish: PortWish, for address: IPv4Address) throws(Fault) -> PortMapping {
        guard let range = wish.hostPorts else { return try takeAny(wish, for: address) }
        for port in range {
            do throws(Fault) { return try hold(wish, port, for: address) } catch {
                if port == range.upperBound { throw error }
            }
        }
        throw HostPorts.exhausted(wish)
    }

    private mutating func takeAny(_ wish: PortWish, for address: IPv4Address) throws(Fault) -> PortMapping {
        let count = Int(ephemeral.upperBound - ephemeral.lowerBound) + 1
        let start = cursor.map { Int($0 - ephemeral.lowerBound) + 1 } ?? 0
        for step in 0..<count {
            let port = ephemeral.lowerBound + UInt16((start + step) % count)
            do throws(Fault) {
                let mapping = try hold(wish, port, for: address)
                cursor = port
                return mapping
            } catch {
                // A port in use is no reason to give up, anything else (no such address) is.
                if error.kind != .conflict { throw error }
            }
        }
        throw HostPorts.exhausted(wish)
    }

    private mutating func hold(_ wish: PortWish, _ port: UInt16, for address: IPv4Address) throws(Fault) -> PortMapping {
        let key = Key(transport: wish.container.transport, port: port)
        let place = "\(wish.hostAddress):\(port)"
        let list = holdings[key] ?? []
        guard !list.contains(where: { $0.address == .any || wish.hostAddress == .any || $0.address == wish.hostAddress }) else {
            throw Fault(.conflict, "Bind for \(place) failed: port is already allocated")
        }
        do throws(Errno) {
            let held = try HeldPort.hold(key.transport, wish.hostAddress, port)
            holdings[key, default: []].append(Holding(address: wish.hostAddress, holder: held))
        } catch {
            let reason = error == .addressInUse ? "address already in use" : error.description.lowercased()
            throw Fault(
                error == .addressInUse ? .conflict : .failed,
                "failed to bind host port for \(place):\(address):\(wish.container): \(reason)", errno: error.rawValue)
        }
        return PortMapping(hostAddress: wish.hostAddress, hostPort: port, container: wish.container)
    }

    private static func exhausted(_ wish: PortWish) -> Fault {
        Fault(.failed, "no host port is left for \(wish.container) on \(wish.hostAddress)")
    }
}
