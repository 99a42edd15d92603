// SysctlPlan owns which kernel parameters a container may have: only those that its own
// namespaces hold. Everything else is the host's.
import Faults
import Linux
import OCISpec

/// One kernel parameter to set.
struct PlannedSysctl: Hashable, Sendable {
    /// As the configuration names it.
    let key: String
    let value: String
    /// Beneath /proc.
    let path: String
}

enum SysctlPlan {
    static func make(_ spec: RuntimeSpec, namespaces: NamespaceSet) throws(Fault) -> [PlannedSysctl] {
        var plan: [PlannedSysctl] = []
        for (key, value) in (spec.linux?.sysctl ?? [:]).sorted(by: { $0.key < $1.key }) {
            let parts = try parts(of: key)
            guard let kind = owner(of: parts) else {
                throw Fault(.invalidArgument, "sysctl \"\(key)\" is not in a separate kernel namespace")
            }
            guard namespaces.contains(kind.set) else {
                throw Fault(.invalidArgument, "sysctl \"\(key)\" is not allowed without a \(kind.name) namespace of the container's own")
            }
            plan.append(PlannedSysctl(key: key, value: value, path: "sys/" + parts.joined(separator: "/")))
        }
        return plan
    }

    /// The names between the separators. `.` separates; where the first separator is `/`, that
    /// one does, and dots belong to a name (sysctl(8): net/ipv4/conf/eth0.1/forwarding).
    static func parts(of key: String) throws(Fault) -> [String] {
        let separator = key.first { $0 == "." || $0 == "/" } ?? "."
        let parts = key.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
        for part in parts where part.isEmpty || part == "." || part == ".." || part.contains("/") || part.utf8.contains(0) {
            throw Fault(.invalidArgument, "sysctl \"\(key)\" is not a well-formed name")
        }
        return parts
    }

    private static let ipcKeys = ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"]

    /// The kind of namespace that holds the parameter; nil for the host's.
    static func owner(of parts: [String]) -> (set: NamespaceSet, name: String)? {
        guard parts.count >= 2 else { return nil }
        switch parts[0] {
        case "net": return (.network, "network")
        case "kernel" where parts.count == 2 && ipcKeys.contains(parts[1]): return (.ipc, "ipc")
        case "kernel" where parts == ["kernel", "domainname"]: return (.uts, "uts")
        case "fs" where parts.count == 3 && parts[1] == "mqueue": return (.ipc, "ipc")
        case "user" where parts.count == 2: return (.user, "user")
        default: return nil
        }
    }
}
