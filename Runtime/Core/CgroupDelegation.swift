// CgroupDelegation owns whether a container's cgroup becomes its user's own to divide, by the rules
// of the specification (config-linux.md, "Cgroup ownership").
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec

enum CgroupDelegation {
    /// The user, as the host counts, who gets the cgroup; nil where it stays root's. It needs a cgroup
    /// namespace of the container's own, a writable mount of the hierarchy, and an id that the
    /// configuration's own mappings translate.
    static func owner(_ spec: RuntimeSpec, _ namespaces: NamespacePlan) -> uid_t? {
        guard namespaces.created.contains(.cgroup) else { return nil }
        let isWritable = (spec.mounts ?? []).contains {
            $0.source == "cgroup" && $0.destination == "/sys/fs/cgroup" && !($0.options ?? []).contains("ro")
        }
        guard isWritable else { return nil }
        let user = spec.process?.user?.uid ?? 0
        guard namespaces.all.contains(.user) else { return user }
        for mapping in spec.linux?.uidMappings ?? [] {
            guard user >= mapping.containerID, user - mapping.containerID < mapping.size else { continue }
            return uid_t(exactly: UInt64(mapping.hostID) + UInt64(user - mapping.containerID))
        }
        return nil
    }

    /// Gives the cgroup where the rules say so; needs CAP_CHOWN over it.
    static func apply(_ plan: ContainerPlan, to cgroup: (any CgroupManager)?, journal: Journal) throws(Fault) {
        // What is the caller's is the container's root's already, without root.
        guard let cgroup, let owner = owner(plan.spec, plan.namespaces), owner != geteuid() else { return }
        do throws(Fault) { try cgroup.delegate(to: owner) } catch {
            // A user cannot give files away, not even to an id of the user's own ranges.
            guard geteuid() != 0 else { throw error }
            journal.write(.debug, "the cgroup stays the caller's: \(error)")
        }
    }
}
