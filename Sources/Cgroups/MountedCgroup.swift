import CLinux
import Faults
import Linux
import OCISpec

/// A cgroup in whatever hierarchies the machine has mounted: each controller is used where it is,
/// so v1, v2 and both side by side are one case. What differs between the generations is in V1/
/// and V2/; limits, and the processes in it, are in the files beside this one.
final class MountedCgroup: CgroupManager {
    let directories: [CgroupDirectory]
    /// Why a hierarchy is missing that the machine has.
    let refused: Fault?

    var record: CgroupRecord { CgroupRecord(places: directories.map(\.place)) }

    /// Makes the cgroup, or undoes what was made of it.
    init(making record: CgroupRecord) throws(Fault) {
        var made: [CgroupDirectory] = []
        var refused: Fault?
        do throws(Fault) {
            for place in record.places {
                do throws(Errno) {
                    made.append(try Self.make(place))
                } catch where Self.isRefusal(error) {
                    // Without root, or with a read-only mount, a hierarchy counts as missing: only a
                    // limit that needs it is an error.
                    refused = refused ?? Fault(.forbidden, "\(error)", errno: error.rawValue, trail: ["make cgroup \(place.directory)"])
                } catch {
                    throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["make cgroup \(place.directory)"])
                }
            }
            if made.isEmpty { throw refused ?? Fault(.unsupported, "no cgroup hierarchy is mounted") }
            directories = try Self.noting(made)
            self.refused = refused
        } catch {
            made.filter(\.isNew).forEach(Self.undo)
            throw error
        }
        do {
            try checkFound()
        } catch {
            made.filter(\.isNew).forEach(Self.undo)
            throw error
        }
    }

    /// Opens what is left of a cgroup.
    init(opening record: CgroupRecord) throws(Fault) {
        var found: [CgroupDirectory] = []
        for place in record.places {
            do {
                found.append(try CgroupDirectory.open(place))
            } catch where error == .noEntry || error == .noDevice || error == .notDirectory {
                continue
            } catch {
                throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["open cgroup \(place.directory)"])
            }
        }
        guard !found.isEmpty else { throw Fault(.notFound, "cgroup /\(record.places.first?.path ?? "") is gone") }
        directories = found
        refused = nil
    }

    private static func make(_ place: CgroupRecord.Place) throws(Errno) -> CgroupDirectory {
        switch place.version {
        case .v1: try LegacyDirectory.make(place)
        case .v2: try UnifiedDirectory.make(place)
        }
    }

    /// Directories that were there before are remembered as such.
    private static func noting(_ directories: [CgroupDirectory]) throws(Fault) -> [CgroupDirectory] {
        if directories.allSatisfy({ $0.isNew }) { return directories }
        do throws(Errno) {
            return try directories.map { directory throws(Errno) in
                var place = directory.place
                place.isFound = true
                return directory.isNew ? directory : try directory.replacing(place)
            }
        } catch {
            throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["open cgroup /\(directories[0].place.path)"])
        }
    }

    private static func isRefusal(_ error: Errno) -> Bool {
        error == .access || error == .notPermitted || error.rawValue == EROFS
    }

    private static func undo(_ directory: CgroupDirectory) {
        // The error on the way out is the one that matters; an empty directory left behind is harmless.
        try? directory.remove()
        directory.removeMade()
    }

    /// A cgroup that was there before must be fit for a new container.
    private func checkFound() throws(Fault) {
        guard let old = directories.first(where: { !$0.isNew }) else { return }
        let conflict = { (reason: String) in Fault(.conflict, reason, trail: ["use cgroup /\(old.place.path)"]) }
        for directory in directories where !directory.isNew {
            // Those of cgroups beneath it count: they would share the container's limits and its end.
            let found = try doing("read processes", directory) { () throws(Errno) in try directory.processes() }
            guard found.isEmpty else { throw conflict("container's cgroup is not empty: it has processes already") }
        }
        guard try !isFrozen() else { throw conflict("container's cgroup is frozen") }
    }

    // MARK: - Which directory

    var unified: CgroupDirectory? { directories.first { $0.place.version == .v2 } }

    func directory(of controller: String) -> CgroupDirectory? {
        if controller == ResourcePlan.unifiedDirectory { return unified }
        return directories.first { $0.place.controllers.contains(controller) }
    }

    func version(of controller: String) -> CgroupVersion? {
        if let directory = directory(of: controller) { return directory.place.version }
        return controller == "blkio" && directory(of: "io") != nil ? .v2 : nil
    }

    func doing<Value: ~Copyable>(
        _ step: @autoclosure () -> String, _ directory: CgroupDirectory, _ body: () throws(Errno) -> Value
    ) throws(Fault) -> Value {
        do {
            return try body()
        } catch {
            throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["\(step()) of cgroup /\(directory.place.path)"])
        }
    }

    // MARK: - Reading

    func statistics() throws(Fault) -> CgroupStatistics {
        var statistics = CgroupStatistics()
        for directory in directories {
            try doing("read statistics", directory) { () throws(Errno) in
                switch directory.place.version {
                case .v1: try LegacyStatistics.add(directory, to: &statistics)
                case .v2: try UnifiedStatistics.add(directory, to: &statistics)
                }
            }
        }
        return statistics
    }

    func oomKillCount() throws(Fault) -> UInt64? {
        guard let directory = directory(of: "memory") else { return nil }
        let file = directory.place.version == .v1 ? "memory.oom_control" : "memory.events"
        return try doing("read \(file)", directory) { () throws(Errno) in try directory.readTable(file)["oom_kill"] }
    }

    func memoryWatch() throws(Fault) -> MemoryWatch? {
        guard let directory = directory(of: "memory") else { return nil }
        do throws(Errno) { return try MemoryWatch.listen(to: directory) } catch {
            throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["watch memory of cgroup /\(directory.place.path)"])
        }
    }

    // MARK: - Removal

    func remove() throws(Fault) {
        var first: Fault?
        for directory in directories where directory.place.isFound != true {
            do {
                try doing("remove \(directory.place.controllers.joined(separator: ","))", directory) { () throws(Errno) in try directory.remove() }
            } catch {
                first = first ?? error
            }
            directory.removeMade()
        }
        if let first { throw first }
    }
}
