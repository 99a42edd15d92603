// Updating owns the change of a running container's limits: what was given is put over what holds,
// and what holds afterwards is kept, so that the next change begins there.
import Cgroups
import Faults
import Linux
import OCISpec

extension Container {
    /// Changes limits; those that are not given stay, and a limit of 0 says nothing.
    /// - Throws: `.conflict`, `container not running`, for a stopped one; the fault of the step
    ///   that failed, after which all limits are as before.
    package static func update(_ id: String, _ given: RuntimeSpec.Linux.Resources, store: StateStore, journal: Journal) throws(Fault) {
        let lock = try store.lock(id)
        try Container(id, store: store, journal: journal).update(given)
        _ = consume lock
    }

    private func update(_ given: RuntimeSpec.Linux.Resources) throws(Fault) {
        switch status {
        case .created, .running, .paused: break
        case .creating, .stopped: throw Fault(.conflict, "container not running")
        }
        guard let cgroup = try cgroup() else { throw Fault(.unsupported, "update needs a cgroup, and the container has none") }
        let update = ResourceUpdate(given, over: try store.limits(of: record.id))
        try cgroup.update(update)
        try store.keep(limits: update.merged, of: record.id)
    }
}

extension StateStore {
    /// The most bytes of the file of limits.
    private static let limitsBytesMax = 1 << 20

    private func limitsPath(_ id: String) -> String { directory(id) + "/resources.json" }

    /// The limits that hold: as last changed, or as in the configuration.
    func limits(of id: String) throws(Fault) -> RuntimeSpec.Linux.Resources {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Files.read(limitsPath(id), limit: StateStore.limitsBytesMax) } catch {
            guard error == .noEntry else { throw Fault(error, "read limits of \(id)") }
            return try configuration(of: id).linux?.resources ?? .init()
        }
        return try within("limits of \(id)") { () throws(Fault) in try JSON.decode(RuntimeSpec.Linux.Resources.self, from: bytes) }
    }

    /// Keeps the limits; a reader or a crash sees the old ones or the new ones.
    func keep(limits: RuntimeSpec.Linux.Resources, of id: String) throws(Fault) {
        let bytes = try JSON.encode(limits)
        try attempt("write limits of \(id)") { () throws(Errno) in try Files.replace(limitsPath(id), with: bytes, durable: false) }
    }
}
