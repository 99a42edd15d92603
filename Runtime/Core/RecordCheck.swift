// RecordCheck owns what must be true of a record before anybody acts on it: its directory is root's alone,
// but a disk can be full, a machine can stop half-way, and a path in it is one that gets removed.
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec

extension ContainerRecord {
    /// Throws for a record that is not about the container `id`, or names a place or a process that none can have.
    func check(isAbout id: String) throws(Fault) {
        guard self.id == id else { throw Fault(.failed, "it is about a container \(Journal.quoted(self.id))") }
        if let initProcess, initProcess.pid <= 1 { throw Fault(.failed, "pid \(initProcess.pid) is no container's") }
        if let resctrl, !resctrl.isWellFormed { throw Fault(.failed, "resctrl group \(Journal.quoted(resctrl.group)) leads elsewhere") }
        for place in cgroup?.places ?? [] {
            guard place.isBeneathItsMountPoint else { throw Fault(.failed, "cgroup path \(Journal.quoted(place.path)) leads elsewhere") }
        }
    }
}

extension StateStore {
    /// What a configuration that was kept says about a container whose record is gone or damaged: its cgroup, with what is in
    /// it, is ended and removed. The configuration is kept after the cgroup is made, so the cgroup is the container's own.
    func endRemains(of id: String, journal: Journal) {
        do throws(Fault) {
            let path = try CgroupPath(parsing: try configuration(of: id).linux?.cgroupsPath, id: id)
            try Cgroup.end(path: path, layout: try CgroupLayout.detect())
        } catch {
            // Nothing kept is nothing made; whatever else is wrong must not keep the name taken.
            if error.errno != ENOENT { journal.write(.warning, "processes of \(id) may be left: \(error)") }
        }
    }

    /// The root must be the caller's or root's: its owner could put a link in the place of a container's directory between two steps.
    func checkOwner() throws(Fault) {
        var status = stat()
        guard stat(root, &status) == 0 else { throw Fault(Errno.current, "look at \(root)") }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw Fault(.forbidden, "\(root) is owned by user \(status.st_uid), who could change what is in it")
        }
    }
}
