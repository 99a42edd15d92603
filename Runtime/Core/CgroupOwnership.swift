// CgroupOwnership owns the giving of a container's cgroup to the container's user, who may then make
// cgroups in it (config-linux.md, cgroup ownership): v2 only, in a cgroup namespace of the
// container's own, and where /sys/fs/cgroup can be written.
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec

enum CgroupOwnership {
    /// Files that the kernel means to be given away, where it has no list of them (before 4.15).
    private static let files = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]

    /// Changes owners where all conditions hold. Needs CAP_CHOWN over the cgroup.
    static func give(_ record: CgroupRecord, _ plan: ContainerPlan) throws(Fault) {
        guard plan.namespaces.created.contains(.cgroup), let user = receiver(record, plan), let place = record.places.first else { return }
        let list = (try? Files.read("/sys/kernel/cgroup/delegate", limit: 65_536)).map { String(decoding: $0, as: UTF8.self) }  // else those above
        let names = list.map { $0.split(whereSeparator: \.isWhitespace).map(String.init) } ?? files
        try attempt("give cgroup \(place.directory) to user \(user)") { () throws(Errno) in
            let directory = try Files.open(place.directory, flags: O_PATH | O_DIRECTORY)
            for name in [""] + names {
                let done = fchownat(directory.rawValue, name, user, gid_t.max, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)
                // Of a controller that is not enabled here.
                if done != 0 && Errno.current != .noEntry { throw Errno.current }
            }
        }
    }

    /// The host's id of the program's user; nil where the cgroup is not to be given, or is that user's already.
    static func receiver(_ record: CgroupRecord, _ plan: ContainerPlan) -> uid_t? {
        guard record.places.count == 1, record.places[0].version == .v2 else { return nil }
        let isWritable = plan.mounts.contains { $0.source == .cgroup && $0.destination == "/sys/fs/cgroup" && !$0.options.set.contains(.readOnly) }
        guard isWritable else { return nil }
        let user = hostID(of: plan.spec.process?.user?.uid ?? 0, plan.spec.linux?.uidMappings ?? [])
        return user == geteuid() ? nil : user
    }

    /// The id outside; nil for one that has none.
    private static func hostID(of id: UInt32, _ map: [RuntimeSpec.Linux.IDMapping]) -> uid_t? {
        if map.isEmpty { return id }
        for line in map where id >= line.containerID && id - line.containerID < line.size {
            return uid_t(exactly: UInt64(line.hostID) + UInt64(id - line.containerID))
        }
        return nil
    }
}
