// ListenerHandover owns how the notification descriptor of a filter gets from a process that the
// filter already holds to the runtime. That process must not make a system call for it: any may be
// one that waits for the agent's answer, while the agent has no descriptor yet. So a courier is made
// before, which shares the table of descriptors and one page of memory, and no filter:
//
//     init                                      courier                      runtime
//        |-- clone3 with CLONE_FILES ---------->|
//        | seccomp(2) gives the descriptor      | looks at the page
//        |-- its number, in the page ---------->|
//        |                                      |-- `listener` and the descriptor ->| to the agent
//        |<-- `sent`, in the page --------------| closes it, ends                    |
//        | goes on; whatever waits is answered
//
// A handover by pidfd_getfd(2), as another runtime has it, needs privileges over a process that
// cannot be traced, which a user without root has not, and still one system call of init.
import CLinux
import Faults
import Linux
import Seccomp

enum ListenerHandover {
    /// How often init looks at the page before it gives up: seconds, where the courier needs some hundred microseconds.
    static let looksMax = 2_000_000_000
    /// How long the courier rests between two looks, in microseconds.
    static let restMicroseconds: UInt32 = 50

    private enum Word {
        /// The descriptor's number, or what follows.
        static let listener = 0
        /// 0, `sent`, or an errno below it.
        static let outcome = 1
    }
    private static let nothing: Int32 = 0
    private static let given: Int32 = -1
    private static let sent: Int32 = 1

    /// Installs the filter of the calling process and sends its notification descriptor, which this
    /// process then has no more.
    /// - Parameter socket: init's end of the handshake.
    static func install(_ filter: SeccompFilter, through socket: CInt) throws(Fault) {
        let page = try makePage()
        // The courier's end is of no interest to anybody; execve(2) puts the flag back.
        var disposition = sigaction()
        disposition.sa_flags = SA_NOCLDWAIT
        sigaction(SIGCHLD, &disposition, nil)
        let parent = getpid()
        let side = try attempt("make courier of the seccomp listener") { () throws(Errno) in try Clone.fork(sharesDescriptors: true) }
        guard case .parent(_, let pidfd) = side else { carry(page, through: socket, parent: parent) }
        close(pidfd)
        do throws(Errno) {
            let listener = try filter.install()
            cais_store(page + Word.listener, listener ?? given)
        } catch {
            cais_store(page + Word.listener, given)
            throw Fault(error, "load seccomp filter")
        }
        try waitUntilSent(page)
    }

    /// Only memory is read: no system call.
    private static func waitUntilSent(_ page: UnsafeMutablePointer<Int32>) throws(Fault) {
        var looks = 0
        while cais_load(page + Word.outcome) == nothing {
            looks += 1
            guard looks < looksMax else { throw Fault(.failed, "the seccomp listener's courier is gone") }
        }
        let outcome = cais_load(page + Word.outcome)
        guard outcome == sent else { throw Fault(Errno(rawValue: -outcome), "send seccomp listener") }
    }

    private static func makePage() throws(Fault) -> UnsafeMutablePointer<Int32> {
        let size = 4_096
        let page = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
        guard let page, page != UnsafeMutableRawPointer(bitPattern: -1) else { throw Fault(Errno.current, "make page for the seccomp listener") }
        // New pages are zero: nothing was said yet.
        return page.bindMemory(to: Int32.self, capacity: size / 4)
    }

    /// The courier's life. It ends with its parent.
    private static func carry(_ page: UnsafeMutablePointer<Int32>, through socket: CInt, parent: pid_t) -> Never {
        _ = cais_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0, 0, 0)
        while cais_load(page + Word.listener) == nothing && getppid() == parent { usleep(restMicroseconds) }
        let listener = cais_load(page + Word.listener)
        guard listener > nothing else { _exit(0) }
        var outcome = sent
        do throws(Errno) { try HandshakeSocket.send(listener: listener, on: socket) } catch { outcome = -error.rawValue }
        // The table is the parent's too.
        close(listener)
        cais_store(page + Word.outcome, outcome)
        _exit(0)
    }
}
