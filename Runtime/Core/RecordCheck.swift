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
    /// Ends what is left of a container whose record is gone or damaged: its cgroup, with what is in it. A line of the record
    /// that is still whole says where that is; without one, the configuration that was kept, which was written after the
    /// cgroup was made. A relative path counts from its maker's cgroup, which nobody knows any more.
    func endRemains(of id: String, journal: Journal) {
        do throws(Fault) {
            if let record = lastWholeRecord(of: id) {
                let cgroup = try CgroupChoice.open(record.cgroup)
                try cgroup?.signalAll(SIGKILL)
                try cgroup?.remove()
                return
            }
            let wanted = try configuration(of: id).linux?.cgroupsPath ?? ""
            guard wanted.isEmpty || wanted.hasPrefix("/") else {
                return journal.write(.warning, "processes of \(id) may be left in cgroup \(Journal.quoted(wanted))")
            }
            let layout = try CgroupLayout.detect()
            // Where there is no path, an ordinary user's is beneath the user's own.
            for place in wanted.isEmpty && geteuid() != 0 ? ["cais/\(id)"] : [wanted] {
                try Cgroup.end(path: try CgroupPath(parsing: place, id: id), layout: layout)
            }
        } catch {
            // Nothing kept is nothing made; whatever else is wrong must not keep the name taken.
            if error.errno != ENOENT { journal.write(.warning, "processes of \(id) may be left: \(error)") }
        }
    }

    /// The last line of a state file that is a record of this container.
    private func lastWholeRecord(of id: String) -> ContainerRecord? {
        // Without the file there is no line.
        guard let bytes = try? Files.read(directory(id) + "/state.json", limit: StateStore.recordBytesMax) else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n")).reversed() {
            // A line that is none is what this looks past.
            guard let record = try? JSON.members(of: Array(line), { try ContainerRecord($0) }) else { continue }
            if (try? record.check(isAbout: id)) != nil { return record }
        }
        return nil
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
