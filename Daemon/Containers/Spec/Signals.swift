// Signals owns the names of signals, as users write them.
import CLinux
import Faults

/// Reads signals.
enum Signals {
    private static let names: [String: Int32] = [
        "ABRT": SIGABRT, "ALRM": SIGALRM, "BUS": SIGBUS, "CHLD": SIGCHLD, "CLD": SIGCHLD, "CONT": SIGCONT, "FPE": SIGFPE,
        "HUP": SIGHUP, "ILL": SIGILL, "INT": SIGINT, "IO": SIGIO, "IOT": SIGABRT, "KILL": SIGKILL, "PIPE": SIGPIPE, "POLL": SIGIO,
        "PROF": SIGPROF, "PWR": SIGPWR, "QUIT": SIGQUIT, "SEGV": SIGSEGV, "STKFLT": 16, "STOP": SIGSTOP, "SYS": SIGSYS,
        "TERM": SIGTERM, "TRAP": SIGTRAP, "TSTP": SIGTSTP, "TTIN": SIGTTIN, "TTOU": SIGTTOU, "URG": SIGURG, "USR1": SIGUSR1,
        "USR2": SIGUSR2, "VTALRM": SIGVTALRM, "WINCH": SIGWINCH, "XCPU": SIGXCPU, "XFSZ": SIGXFSZ,
    ]
    /// The highest real-time signal.
    private static let signalMax: Int32 = 64

    /// The number of `9`, `KILL`, `SIGKILL`, `RTMIN+3` and so on.
    /// - Throws: `invalidArgument` in docker's words.
    static func parse(_ text: String) throws(Fault) -> Int32 {
        if let number = Int32(text) {
            guard (1...signalMax).contains(number) else { throw Fault(.invalidArgument, "Invalid signal: \(text)") }
            return number
        }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        if let number = names[name] ?? realTime(name) { return number }
        throw Fault(.invalidArgument, "Invalid signal: \(text)")
    }

    /// Real-time signals count from 34 here: the C library keeps 32 and 33 for itself.
    private static func realTime(_ name: String) -> Int32? {
        let (base, sign): (Int32, Int32)
        if name.hasPrefix("RTMIN") { (base, sign) = (34, 1) } else if name.hasPrefix("RTMAX") { (base, sign) = (signalMax, -1) } else { return nil }
        let rest = name.dropFirst(5)
        if rest.isEmpty { return base }
        guard rest.first == (sign > 0 ? "+" : "-"), let offset = Int32(rest.dropFirst()), offset >= 0, offset <= 30 else { return nil }
        return base + sign * offset
    }
}
