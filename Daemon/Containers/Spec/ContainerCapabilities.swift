// ContainerCapabilities owns which capabilities a container gets: the defaults, what is added, what is dropped.
import Faults
import Linux

/// Which capabilities(7) a container gets.
enum ContainerCapabilities {
    /// What every container gets that does not say otherwise.
    static let engineDefault: Set<String> = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
        "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ]

    /// The capabilities of a container, in the kernel's order.
    /// - Parameter available: those that the engine itself has and can give.
    /// - Throws: `invalidArgument` for a name that is no capability.
    static func resolve(
        add: [String], drop: [String], privileged: Bool, available: Set<String>
    ) throws(Fault) -> [String] {
        let added = Set(try normalise(add))
        let dropped = Set(try normalise(drop))
        var result: Set<String>
        if privileged {
            result = Set(CapabilitySet.names)
        } else {
            result = added.contains("ALL") ? Set(CapabilitySet.names) : engineDefault
            if dropped.contains("ALL") { result = added.contains("ALL") ? result : [] }
            result.subtract(dropped)
            result.formUnion(added.subtracting(["ALL"]))
        }
        return CapabilitySet.names.filter { result.contains($0) && available.contains($0) }
    }

    /// Names with their prefix, in capitals.
    private static func normalise(_ names: [String]) throws(Fault) -> [String] {
        var result: [String] = []
        for name in names {
            let upper = name.uppercased()
            if upper == "ALL" || upper == "CAP_ALL" {
                result.append("ALL")
                continue
            }
            let full = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
            guard CapabilitySet.names.contains(full) else { throw Fault(.invalidArgument, "invalid capability: \"\(name)\"") }
            result.append(full)
        }
        return result
    }
}
