import CLinux
import Faults
import Linux
import OCISpec

/// One cgroup of one container, in all hierarchies of the machine. What a container may use is
/// told to it, what it does use is read from it; which process belongs there is the caller's to say.
/// The same contract holds on cgroup v1, on v2 and on both side by side.
///
/// Everything here needs root in the initial user namespace, or a delegated cgroup, and happens
/// outside the container: before pivot_root, or in another process.
package protocol CgroupManager: AnyObject, Sendable {
    /// Where it is, to be kept on disk and opened again by ``Cgroup/open(_:)``.
    var record: CgroupRecord { get }

    /// Opens what a new process needs to enter by itself.
    func entrance() throws(Fault) -> CgroupEntrance

    /// Moves a process of any state in. On v1 this waits for the kernel's other processors (up to
    /// 20 ms were measured), which ``CgroupEntrance/enter()`` does not.
    func join(_ pid: pid_t) throws(Fault)

    /// Sets the limits that are given and leaves the others as they are.
    /// - Throws: `.unsupported` for a limit whose controller is missing, `.invalidArgument` for a
    ///   value the kernel refuses.
    func apply(_ resources: RuntimeSpec.Linux.Resources) throws(Fault)

    /// Sets which devices may be used. Nothing is allowed that no rule allows, save the devices
    /// that every container has.
    func apply(devices rules: [RuntimeSpec.Linux.Resources.DeviceRule]) throws(Fault)

    /// Changes limits of a cgroup with processes in it. Where a step fails, those before it are taken back.
    /// - Throws: as ``apply(_:)``; `.invalidArgument` also for a memory limit below what is in use
    ///   and cannot be freed, or, with `checkBeforeUpdate`, below what is in use.
    func update(_ update: ResourceUpdate) throws(Fault)

    /// Stops all processes and returns when they are stopped.
    func freeze() throws(Fault)

    /// Lets the processes go on.
    func thaw() throws(Fault)

    /// Whether the processes are stopped, or about to be.
    func isFrozen() throws(Fault) -> Bool

    /// Sends a signal to every process, those of cgroups beneath included.
    func signalAll(_ signal: CInt) throws(Fault)

    /// The processes, those of cgroups beneath included.
    func processes() throws(Fault) -> [pid_t]

    /// What is used now.
    func statistics() throws(Fault) -> CgroupStatistics

    /// How often the kernel killed a process because memory was full; nil where it does not count.
    func oomKillCount() throws(Fault) -> UInt64?

    /// Begins to listen for memory running out; nil where there is no memory controller.
    func memoryWatch() throws(Fault) -> MemoryWatch?

    /// Removes it in all hierarchies, with empty cgroups beneath it. It goes on after a failure
    /// and reports the first; missing is done. Processes that are just ending are waited for.
    func remove() throws(Fault)
}

/// Makes and finds cgroups.
package enum Cgroup {
    /// Makes the cgroup in every hierarchy of the layout, and what is missing above it.
    /// - Throws: `.conflict` where it is there already with processes in it, or frozen.
    package static func create(path: CgroupPath, layout: CgroupLayout) throws(Fault) -> any CgroupManager {
        try MountedCgroup(making: try layout.record(of: path))
    }

    /// Opens a cgroup that was made before. Hierarchies in which it is gone are left out.
    /// - Throws: `.notFound` where it is gone in all.
    package static func open(_ record: CgroupRecord) throws(Fault) -> any CgroupManager {
        try MountedCgroup(opening: record)
    }

    /// Finds the first limit that would need a cgroup, for a container that has to do without.
    /// - Parameter refusal: why it has to.
    /// - Throws: `.forbidden`, with the limit's name and the refusal; `.invalidArgument` for a value that nobody could set.
    package static func checkNeedsNone(_ resources: RuntimeSpec.Linux.Resources, because refusal: Fault) throws(Fault) {
        do throws(Fault) { _ = try ResourcePlan(version: { _ in nil }, hasUnified: false).steps(for: resources) } catch {
            guard error.kind == .unsupported else { throw error }
            throw Fault(.forbidden, "there is no cgroup to set it in: \(refusal)", errno: refusal.errno, trail: error.trail)
        }
    }

    /// Removes a cgroup that may be gone, in part or altogether.
    package static func remove(_ record: CgroupRecord) throws(Fault) {
        do {
            try open(record).remove()
        } catch where error.kind == .notFound {
            return
        }
    }
}

/// The two generations of cgroups(7).
package enum CgroupVersion: String, Codable, Hashable, Sendable {
    case v1, v2
}
