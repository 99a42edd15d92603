// NamespacePlan owns which namespaces are made and which are joined, as values.
import Faults
import Linux
import OCISpec

struct NamespacePlan: Hashable, Sendable {
    /// One that exists already.
    struct Joined: Hashable, Sendable {
        let kind: NamespaceSet
        /// As the specification calls it.
        let name: String
        let path: String
    }

    /// Made new for the container.
    var created: NamespaceSet = []
    /// Joined by path, in the order that works: the user namespace first, since it gives the right to the others.
    var joined: [Joined] = []
    /// The lines of /proc/self/timens_offsets.
    var timeOffsets = ""
    /// The lines of /proc/PID/uid_map and gid_map.
    var uidMap = ""
    var gidMap = ""

    /// All kinds that are not the host's.
    var all: NamespaceSet { joined.reduce(created) { $0.union($1.kind) } }

    /// Kinds that clone3(2) makes. The cgroup namespace has to wait until init is in its cgroup,
    /// and the time namespace's offsets must be written before anybody is in it.
    var cloned: NamespaceSet { created.subtracting([.cgroup, .time]) }

    /// The path of a joined kind.
    func path(of kind: NamespaceSet) -> String? { joined.first { $0.kind == kind }?.path }

    static func make(_ linux: RuntimeSpec.Linux?) throws(Fault) -> NamespacePlan {
        var plan = NamespacePlan()
        for namespace in linux?.namespaces ?? [] {
            let kind = NamespaceSet(namespace.type)
            guard plan.all.isDisjoint(with: kind) else {
                throw Fault(.invalidArgument, "namespace \(namespace.type.rawValue) is listed twice")
            }
            guard let path = namespace.path, !path.isEmpty else {
                plan.created.insert(kind)
                continue
            }
            guard path.hasPrefix("/") else { throw Fault(.invalidArgument, "namespace path \"\(path)\" is not absolute") }
            let joined = Joined(kind: kind, name: namespace.type.rawValue, path: path)
            plan.joined.insert(joined, at: kind == .user ? 0 : plan.joined.count)
        }
        try plan.takeMappings(linux)
        try plan.takeTimeOffsets(linux?.timeOffsets)
        return plan
    }

    private mutating func takeMappings(_ linux: RuntimeSpec.Linux?) throws(Fault) {
        let (uid, gid) = (linux?.uidMappings ?? [], linux?.gidMappings ?? [])
        if created.contains(.user) {
            guard !uid.isEmpty && !gid.isEmpty else {
                throw Fault(.invalidArgument, "a new user namespace needs uidMappings and gidMappings")
            }
            uidMap = NamespacePlan.lines(uid)
            gidMap = NamespacePlan.lines(gid)
        } else if path(of: .user) == nil && !(uid.isEmpty && gid.isEmpty) {
            throw Fault(.invalidArgument, "id mappings are given without a user namespace")
        }
    }

    private mutating func takeTimeOffsets(_ offsets: RuntimeSpec.Linux.TimeOffsets?) throws(Fault) {
        guard let offsets, offsets.boottime != nil || offsets.monotonic != nil else { return }
        guard created.contains(.time) else { throw Fault(.invalidArgument, "timeOffsets are given without a new time namespace") }
        for (name, offset) in [("monotonic", offsets.monotonic), ("boottime", offsets.boottime)] {
            if let offset { timeOffsets += "\(name) \(offset.secs ?? 0) \(offset.nanosecs ?? 0)\n" }
        }
    }

    /// Lines of a uid_map file.
    static func lines(_ mappings: [RuntimeSpec.Linux.IDMapping]) -> String {
        mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
    }
}

extension NamespaceSet {
    init(_ kind: RuntimeSpec.Linux.NamespaceKind) {
        switch kind {
        case .mount: self = .mount
        case .pid: self = .pid
        case .network: self = .network
        case .uts: self = .uts
        case .ipc: self = .ipc
        case .user: self = .user
        case .cgroup: self = .cgroup
        case .time: self = .time
        }
    }
}
