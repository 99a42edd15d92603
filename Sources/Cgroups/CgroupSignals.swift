import CLinux
import Linux

/// Signals to processes that are known by number only, as a cgroup's file lists them.
enum CgroupSignals {
    /// How many processes are held at once.
    private static let batchMax = 256

    /// Sends `signal` to those of `pids` that are still among what `members` lists after they were opened: a number that was given
    /// to another process since is not, and the process that is held is the member or has ended.
    static func send(_ signal: CInt, to pids: some Collection<pid_t>, members: () throws(Errno) -> [pid_t]) throws(Errno) {
        var rest = Array(pids)[...]
        while !rest.isEmpty {
            let batch = rest.prefix(batchMax)
            rest = rest.dropFirst(batchMax)
            // One that has ended needs no signal.
            let held = batch.map { cais_pidfd_open($0, 0) }
            defer { for number in held where number >= 0 { close(number) } }
            let present = Set(try members())
            for (pid, number) in zip(batch, held) where number >= 0 && present.contains(pid) {
                _ = cais_pidfd_send_signal(number, signal, 0)
            }
        }
    }
}
