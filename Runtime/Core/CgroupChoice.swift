// CgroupChoice owns the runtime's own decisions about a container's cgroup: where it is, what it
// does without one, and what of it the container sees.
import Cgroups
import Faults
import Linux
import OCISpec

enum CgroupChoice {
    /// Makes the cgroup of a configuration with its limits. Without the right to (rootless) there
    /// is none, which is said and tolerated when no limits were asked for or `tolerates` is set.
    static func make(_ spec: RuntimeSpec, id: String, tolerates: Bool, journal: Journal) throws(Fault) -> (any CgroupManager)? {
        let path = try CgroupPath(parsing: spec.linux?.cgroupsPath, id: id)
        let layout = try CgroupLayout.detect()
        let manager: any CgroupManager
        do throws(Fault) { manager = try Cgroup.create(path: path, layout: layout) } catch {
            guard tolerates, error.kind == .forbidden || error.kind == .unsupported else { throw error }
            journal.write(.warning, "no cgroup: \(error)")
            return nil
        }
        do throws(Fault) {
            try manager.apply(devices: spec.linux?.resources?.devices ?? [])
            if let resources = spec.linux?.resources { try manager.apply(resources) }
            return manager
        } catch {
            do throws(Fault) { try manager.remove() } catch { journal.write(.warning, "undo: \(error)") }
            throw error
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
