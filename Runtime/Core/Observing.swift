// Observing owns what can be seen of a running container from outside: its use of the machine, once
// or in intervals, and memory running out, until it ends.
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec

/// What an observer is told.
package enum Observation: Sendable {
    /// What is used now.
    case statistics(CgroupStatistics)
    /// Memory ran out.
    case memoryExhausted
}

extension Container {
    /// What it uses now.
    /// - Throws: `.conflict` where it does not run.
    package func statistics() throws(Fault) -> CgroupStatistics { try observedCgroup().statistics() }

    /// Tells `tell` what it uses every so many milliseconds, and each time memory runs out; returns
    /// when the container has ended.
    /// - Throws: `.conflict` where it does not run; whatever `tell` throws.
    package func observe(everyMilliseconds interval: Int, tell: (Observation) throws(Fault) -> Void) throws(Fault) {
        let cgroup = try observedCgroup()
        guard let process = record.initProcess else { throw notRunning }
        // Opened before it is asked again whether it runs: from here on its end cannot be missed.
        let end: Pidfd
        do throws(Errno) { end = try Pidfd(pid: process.pid) } catch { throw notRunning }
        guard isAlive(status) else { throw notRunning }
        var watch = try cgroup.memoryWatch()
        var due = Clock.milliseconds() + interval
        while true {
            var polls = [
                pollfd(fd: end.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: watch?.descriptorNumber ?? -1, events: watch?.events ?? 0, revents: 0),
            ]
            let left = max(0, due - Clock.milliseconds())
            let ready = try attempt("wait") { () throws(Errno) in try call { poll(&polls, 2, CInt(clamping: left)) } }
            let hasEnded = polls[0].revents != 0
            // What ended it is told too.
            if hasEnded || polls[1].revents != 0, try watch?.take() ?? false { try tell(.memoryExhausted) }
            if hasEnded { return }
            if ready == 0 && Clock.milliseconds() >= due {
                guard let statistics = try liveStatistics(cgroup) else { return }
                try tell(.statistics(statistics))
                due = Clock.milliseconds() + interval
            }
        }
    }

    /// Nil where the cgroup went away meanwhile.
    private func liveStatistics(_ cgroup: any CgroupManager) throws(Fault) -> CgroupStatistics? {
        do throws(Fault) { return try cgroup.statistics() } catch {
            if error.errno == ENOENT || error.errno == ENODEV { return nil }
            throw error
        }
    }

    private func observedCgroup() throws(Fault) -> any CgroupManager {
        guard isAlive(status) else { throw notRunning }
        guard let cgroup = try cgroup() else { throw Fault(.unsupported, "statistics need a cgroup, and the container has none") }
        return cgroup
    }

    private var notRunning: Fault { Fault(.conflict, "container with id \(record.id) is not running") }

    private func isAlive(_ status: RuntimeStatus) -> Bool {
        switch status {
        case .created, .running, .paused: true
        case .creating, .stopped: false
        }
    }
}
