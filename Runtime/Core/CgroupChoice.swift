// CgroupChoice owns the runtime's own decisions about a container's cgroup: where it is, what it
// does without one, and what of it the container sees.
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec

/// Whether a container may do without a cgroup where none can be made (--rootless).
package enum CgroupTolerance: Sendable {
    case never, always
    /// Where the caller is not real root.
    case unprivileged

    /// Asked only after a failure.
    var holds: Bool {
        switch self {
        case .never: false
        case .always: true
        case .unprivileged: geteuid() != 0 || Privileges.isNested
        }
    }
}

enum CgroupChoice {
    /// Makes the cgroup of a configuration with its limits. Without the right to (rootless) there
    /// is none, which is tolerated when no limits were asked for, and said when a place was.
    static func make(_ spec: RuntimeSpec, id: String, tolerance: CgroupTolerance, journal: Journal) throws(Fault) -> (any CgroupManager)? {
        let wanted = spec.linux?.cgroupsPath ?? ""
        let layout = try CgroupLayout.detect()
        let manager: any CgroupManager
        do throws(Fault) { manager = try make(wanted, id: id, layout: layout) } catch {
            guard error.kind == .forbidden || error.kind == .unsupported, tolerance.holds else { throw error }
            if let resources = spec.linux?.resources { try Cgroup.checkNeedsNone(resources, because: error) }
            // Engines take a runtime's first line for its error: what nobody asked for is not missed.
            journal.write(wanted.isEmpty ? .debug : .warning, "no cgroup: \(error)")
            return nil
        }
        do throws(Fault) {
            try apply(devices: spec.linux?.resources?.devices ?? [], to: manager, tolerance: tolerance)
            if let resources = spec.linux?.resources { try manager.apply(postponing(resources, manager)) }
            return manager
        } catch {
            do throws(Fault) { try manager.remove() } catch { journal.write(.warning, "undo: \(error)") }
            throw error
        }
    }

    /// At the place that is wanted, or else at one of our own: what a user may have been given is
    /// beneath the user's own cgroup.
    private static func make(_ wanted: String, id: String, layout: CgroupLayout) throws(Fault) -> any CgroupManager {
        func beneathOwn() throws(Fault) -> any CgroupManager {
            try Cgroup.create(path: try CgroupPath(parsing: "cais/\(id)", id: id), layout: layout)
        }
        if wanted.isEmpty && geteuid() != 0 { return try beneathOwn() }
        do throws(Fault) { return try Cgroup.create(path: try CgroupPath(parsing: wanted, id: id), layout: layout) } catch {
            guard wanted.isEmpty, error.kind == .forbidden, Privileges.isNested else { throw error }
            return try beneathOwn()
        }
    }

    /// Device rules are real root's to set. Without it they are not missed: no node can be made, and
    /// the host's are there as far as the user may use them anyway.
    private static func apply(
        devices: [RuntimeSpec.Linux.Resources.DeviceRule], to manager: any CgroupManager, tolerance: CgroupTolerance
    ) throws(Fault) {
        do throws(Fault) { try manager.apply(devices: devices) } catch {
            guard error.kind == .forbidden || error.kind == .unsupported, tolerance.holds else { throw error }
        }
    }

    /// On v1 a process that is not killed for memory waits for it, and init would wait for ever, and
    /// the runtime for it: that switch is set when init is ready.
    private static func postponing(_ resources: RuntimeSpec.Linux.Resources, _ manager: any CgroupManager) -> RuntimeSpec.Linux.Resources {
        var resources = resources
        if waitsForMemory(resources, manager) { resources.memory?.disableOOMKiller = nil }
        return resources
    }

    private static func waitsForMemory(_ resources: RuntimeSpec.Linux.Resources?, _ manager: any CgroupManager) -> Bool {
        guard resources?.memory?.disableOOMKiller == true else { return false }
        return manager.record.places.contains { $0.version == .v1 && $0.controllers.contains("memory") }
    }

    /// Sets what had to wait until init was ready.
    static func complete(_ spec: RuntimeSpec, _ manager: (any CgroupManager)?) throws(Fault) {
        guard let manager, waitsForMemory(spec.linux?.resources, manager) else { return }
        try manager.apply(.init(memory: .init(disableOOMKiller: true)))
    }

    /// The way into the container's cgroup, or into those beneath it that were chosen.
    static func entrance(to manager: (any CgroupManager)?, _ selection: CgroupSelection?) throws(Fault) -> CgroupEntrance? {
        guard let selection else { return try manager?.entrance() }
        guard let manager else { throw Fault(.unsupported, "--cgroup needs a cgroup, and the container has none") }
        return try manager.entrance(to: selection)
    }

    /// Forks into the v2 cgroup `cgroup`. Where that takes no processes, because the container has put its own
    /// into cgroups beneath it, the fork goes to where init is.
    /// - Parameter manager: nil where only `cgroup` will do.
    static func fork(into cgroup: CInt?, of manager: (any CgroupManager)?, beside initPid: pid_t) throws(Fault) -> Clone.Side {
        do throws(Errno) { return try Clone.fork(into: cgroup) } catch {
            guard error == .busy, cgroup != nil, let beside = try manager?.unifiedCgroup(of: initPid) else { throw Fault(error, "clone") }
            return try attempt("clone into the cgroup of init") { () throws(Errno) in try Clone.fork(into: beside.rawValue) }
        }
    }

    /// The cgroup of an existing container; nil where it has none, or none any more.
    static func open(_ record: CgroupRecord?) throws(Fault) -> (any CgroupManager)? {
        guard let record else { return nil }
        do throws(Fault) { return try Cgroup.open(record) } catch {
            if error.kind == .notFound { return nil }
            throw error
        }
    }
}

extension CgroupView {
    /// For a container: its own cgroup, or the caller's, in which it stays where it has none.
    static func of(_ record: CgroupRecord?, mounts: [PlannedMount]) throws(Fault) -> CgroupView? {
        if let record { return CgroupView(record) }
        guard mounts.contains(where: { $0.source == .cgroup }) else { return nil }
        return CgroupView(try CgroupLayout.detect().own)
    }

    /// What a container whose cgroup is at `record` sees: v2 alone, or a directory for each
    /// hierarchy under its host's name with links for the controllers that share one.
    init?(_ record: CgroupRecord?) {
        guard let places = record?.places, let first = places.first else { return nil }
        if places.count == 1 && first.version == .v2 {
            self = .unified(path: first.directory)
            return
        }
        var directories: [Directory] = []
        var links: [Link] = []
        for place in places {
            guard let name = place.mountPoint.split(separator: "/").last.map(String.init) else { continue }
            directories.append(Directory(name: name, path: place.directory))
            guard place.version == .v1 else { continue }
            for controller in place.controllers where controller != name && !controller.contains("=") {
                links.append(Link(name: controller, target: name))
            }
        }
        self = .hierarchies(directories, links: links)
    }
}
