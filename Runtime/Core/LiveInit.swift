// LiveInit owns the handle on a container's init by which it is signalled and entered.
import Faults
import Linux
import OCISpec

/// Init, held so that no other process can be taken for it, and what the container was doing then.
struct LiveInit: ~Copyable {
    let process: Pidfd
    /// `created`, `running` or `paused`.
    let status: RuntimeStatus
}

extension Container {
    /// Holds init; nil when it has ended or is not made yet. The pid is opened before its time of start is looked at: where that
    /// is init's, the process held is init, whoever had or gets the number before and after.
    func openInit() throws(Fault) -> LiveInit? {
        guard let initProcess = record.initProcess else { return nil }
        let process: Pidfd
        do throws(Errno) { process = try Pidfd(pid: initProcess.pid) } catch {
            if error == .noProcess { return nil }
            throw Fault(error, "open init")
        }
        let status = self.status
        switch status {
        case .creating, .stopped: return nil
        case .created, .running, .paused: return LiveInit(process: process, status: status)
        }
    }
}
