// MemoryShortage owns the sentence for a container that could not be made because its own memory
// limit was in the way: the kernel kills init, or refuses it memory, and says neither why nor how much.
import CLinux
import Cgroups
import Faults
import OCISpec

enum MemoryShortage {
    /// `fault` in better words where memory ran out in the container's cgroup.
    static func explain(_ fault: Fault, cgroup: (any CgroupManager)?, memory: RuntimeSpec.Linux.Resources.Memory?) -> Fault {
        guard let cgroup, let limit = memory?.limit, limit > 0 else { return fault }
        // A cgroup that cannot be read explains nothing; the fault stands as it is.
        guard let used = (try? cgroup.statistics())?.memory else { return fault }
        let kills = ((try? cgroup.oomKillCount()) ?? nil) ?? 0  // as above
        let isRefused = (fault.errno == ENOMEM || fault.errno == EFAULT) && used.limitHits > 0
        guard kills > 0 || isRefused else { return fault }
        let use = "\(used.usageBytes) bytes in use" + (used.peakBytes.map { ", \($0) at most" } ?? "")
        return Fault(
            .invalidArgument, "memory limit too small: container init ran out of memory with a limit of \(limit) bytes (\(use))", errno: ENOMEM,
            trail: fault.trail)
    }
}
