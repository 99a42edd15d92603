import CLinux
import Linux

// Reaper owns the waiting for children: those the shim started, the container's processes that
// the runtime left to it, and orphans of the container that come to it as the subreaper. It
// waits for all of them; nothing stays a zombie.

/// Collects children that ended and tells whoever expects them.
final class Reaper {
    /// The most ends that are remembered for somebody who will ask.
    static let earlyMax = 1_024

    private var expected: [pid_t: (ExitStatus) -> Void] = [:]
    /// Ends of processes that a runtime under way may have made: whoever is told their pid by the
    /// runtime asks for them later.
    private var early: [(pid: pid_t, status: ExitStatus)] = []
    private var makersUnderWay = 0

    /// Makes orphans beneath this process its children (PR_SET_CHILD_SUBREAPER).
    static func becomeSubreaper() throws(Errno) {
        try call { cais_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }
    }

    /// Something that makes processes for us has begun.
    func makerBegan() { makersUnderWay += 1 }

    /// It has ended, and its processes have been asked for.
    func makerEnded() {
        makersUnderWay -= 1
        if makersUnderWay == 0 { early = [] }
    }

    /// Calls `ended` when `pid` has ended, at once when it has already.
    func expect(_ pid: pid_t, _ ended: @escaping (ExitStatus) -> Void) {
        if let index = early.firstIndex(where: { $0.pid == pid }) {
            return ended(early.remove(at: index).status)
        }
        expected[pid] = ended
    }

    /// Waits for everything that has ended.
    func collect() {
        while true {
            var status: CInt = 0
            let pid = waitpid(-1, &status, WNOHANG)
            if pid == -1 && Errno.current == .interrupted { continue }
            guard pid > 0 else { return }
            let end = ExitStatus(waitStatus: status)
            if let ended = expected.removeValue(forKey: pid) {
                ended(end)
            } else if makersUnderWay > 0, early.count < Reaper.earlyMax {
                early.append((pid, end))
            }
        }
    }
}
