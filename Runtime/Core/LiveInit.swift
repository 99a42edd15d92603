// LiveInit owns the handle on a container's init by which it is signalled and entered.
import CLinux
import Faults
import Linux
import OCISpec

/// Init, held so that no other process can be taken for it, and what the container was doing then.
struct LiveInit: ~Copyable {
    let process: Pidfd
    /// `created`, `running` or `paused`.
    let status: RuntimeStatus

    /// The number of the process, in the runtime's pid namespace.
    let pid: pid_t

    /// Init's root, which is the container's (proc(5), /proc/PID/root).
    func openRoot() throws(Errno) -> FileDescriptor {
        let root = try Files.open("/proc/\(pid)/root", flags: O_PATH | O_DIRECTORY)
        // As long as init has not ended, nobody else has had its number.
        if try process.hasExited() { throw .noProcess }
        return root
    }
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
        case .created, .running, .paused: return LiveInit(process: process, status: status, pid: initProcess.pid)
        }
    }
}
