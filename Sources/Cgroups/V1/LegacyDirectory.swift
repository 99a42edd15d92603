import Linux

/// Directories of cgroup v1 hierarchies as they must be before a process can enter.
enum LegacyDirectory {
    static func make(_ place: CgroupRecord.Place) throws(Errno) -> CgroupDirectory {
        let isCpuset = place.controllers.contains("cpuset")
        let directory = try CgroupDirectory.make(place) { above throws(Errno) in
            if isCpuset { try prepareParent(above) }
        }
        if isCpuset && directory.isNew { try seed(directory) }
        return directory
    }

    /// A new directory above the container's has its children start with its processors, so that
    /// only the first container pays for copying them.
    private static func prepareParent(_ directory: CgroupDirectory) throws(Errno) {
        try seed(directory)
        try directory.write("cgroup.clone_children", "1")
    }

    /// A cpuset is born empty, and nothing can enter it: it gets what the one above it has.
    private static func seed(_ directory: CgroupDirectory) throws(Errno) {
        for file in ["cpuset.cpus", "cpuset.mems"] where try directory.read(file).isEmpty {
            var above = directory.place
            above.path = above.path.lastIndex(of: "/").map { String(above.path[..<$0]) } ?? ""
            let parent = try CgroupDirectory.open(above)
            if try parent.read(file).isEmpty { try seed(parent) }
            try directory.write(file, try parent.read(file))
        }
    }
}
