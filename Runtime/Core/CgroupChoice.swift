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
            if let resources = spec.linux?.resources { try manager.apply(resources) }
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
