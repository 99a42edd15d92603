import CLinux
import Faults
import Linux

/// Signals of this process as bytes of a descriptor (signalfd(2)), so that one loop sees them
/// beside everything else. While it exists they have no other effect.
package final class SignalSource {
    private let descriptor: FileDescriptor
    private var before = sigset_t()

    /// Takes over `signals`.
    package init(_ signals: [CInt]) throws(Fault) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        sigprocmask(SIG_BLOCK, &set, &before)
        do throws(Errno) { descriptor = FileDescriptor(owning: try call { signalfd(-1, &set, CInt(SFD_CLOEXEC) | CInt(SFD_NONBLOCK)) }) } catch {
            throw Fault(.failed, "listen to signals: \(error)", errno: error.rawValue)
        }
    }

    deinit { sigprocmask(SIG_SETMASK, &before, nil) }

    var rawValue: CInt { descriptor.rawValue }

    /// The next signal that has come; nil where there is none.
    func next() -> CInt? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        let count = withUnsafeMutableBytes(of: &information) { CLinux.read(descriptor.rawValue, $0.baseAddress, size) }
        return count == size ? CInt(information.ssi_signo) : nil
    }

    /// What an attached client passes on: everything that can be caught, but for what concerns the
    /// client alone (its children, broken pipes, its window) and faults of its own code.
    package static let proxied: [CInt] = {
        let own: Set<CInt> = [SIGKILL, SIGSTOP, SIGCHLD, SIGPIPE, SIGURG, SIGWINCH, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGTTIN, SIGTTOU]
        return (1...31).filter { !own.contains($0) }
    }()

    /// The window's size changed.
    package static let windowChanged = SIGWINCH
}

/// Names of signals.
package enum SignalName {
    private static let names: [CInt: String] = [
        SIGHUP: "HUP", SIGINT: "INT", SIGQUIT: "QUIT", SIGUSR1: "USR1", SIGUSR2: "USR2", SIGALRM: "ALRM", SIGTERM: "TERM",
        SIGSTKFLT: "STKFLT", SIGCONT: "CONT", SIGTSTP: "TSTP", SIGXCPU: "XCPU", SIGXFSZ: "XFSZ", SIGVTALRM: "VTALRM",
        SIGPROF: "PROF", SIGIO: "IO", SIGPWR: "PWR",
    ]

    /// The name without SIG, or the number.
    package static func of(_ signal: CInt) -> String { names[signal] ?? String(signal) }
}
