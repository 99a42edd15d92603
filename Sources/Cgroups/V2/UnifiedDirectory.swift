import Linux

/// Directories of the cgroup v2 hierarchy with their controllers enabled from the root down.
enum UnifiedDirectory {
    /// The controllers that limits or statistics come from; others are left as they are.
    private static let wanted: Set = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"]

    /// Makes the directory; its place has the controllers that are really there in the end.
    static func make(_ place: CgroupRecord.Place) throws(Errno) -> CgroupDirectory {
        var target = place
        let controllers = place.controllers.filter(wanted.contains)
        let directory = try CgroupDirectory.make(place) { _ throws(Errno) in }
        target.controllers = try words(directory, "cgroup.controllers")
        if !controllers.allSatisfy(target.controllers.contains) {
            try enable(controllers, above: place)
            target.controllers = try words(directory, "cgroup.controllers")
        }
        return try directory.replacing(target)
    }

    /// Enables controllers for the children of every cgroup from the root to the one above the place.
    private static func enable(_ controllers: [String], above place: CgroupRecord.Place) throws(Errno) {
        var parent = place
        parent.path = ""
        for component in place.path.split(separator: "/").map(String.init) {
            let directory = try CgroupDirectory.open(parent)
            let enabled = try words(directory, "cgroup.subtree_control")
            let missing = controllers.filter { !enabled.contains($0) }
            if !missing.isEmpty { enable(missing, in: directory) }
            parent.path = parent.path.isEmpty ? component : "\(parent.path)/\(component)"
        }
    }

    /// One controller may be refused where others are not (cpu with realtime processes, any with
    /// processes in the cgroup itself). What could not be enabled is missing afterwards, and a
    /// limit that needs it says so.
    private static func enable(_ controllers: [String], in directory: CgroupDirectory) {
        do {
            try directory.write("cgroup.subtree_control", controllers.map { "+\($0)" }.joined(separator: " "))
        } catch {
            // Explained above: what is missing is found by reading cgroup.controllers again.
            for controller in controllers { try? directory.write("cgroup.subtree_control", "+\(controller)") }
        }
    }

    private static func words(_ directory: CgroupDirectory, _ file: String) throws(Errno) -> [String] {
        try directory.read(file).split(separator: " ").map(String.init)
    }
}
