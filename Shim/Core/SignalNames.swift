import CLinux

// SignalNames knows the words for signals that people and images use.

/// Signals by name.
package enum SignalNames {
    /// Linux's names for 1 to 31, the same on every architecture Cais runs on.
    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
        "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ]
    /// The first and last real-time signal as programs see them: the C library keeps 32 and 33.
    private static let realTime: ClosedRange<Int32> = 34...64

    /// The number for `TERM`, `SIGTERM`, `15`, `RTMIN+3` or `RTMAX-1`; nil for anything else.
    package static func number(_ text: String) -> Int32? {
        if let number = Int32(text) { return (1...64).contains(number) ? number : nil }
        let upper = text.uppercased()
        let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
        if let index = names.firstIndex(of: name) { return Int32(index + 1) }
        switch name {
        case "IOT": return SIGABRT
        case "POLL": return SIGIO
        case "CLD": return SIGCHLD
        case "RTMIN": return realTime.lowerBound
        case "RTMAX": return realTime.upperBound
        default: break
        }
        let offset = Int32(name.dropFirst(6)).flatMap { $0 >= 0 && $0 <= 30 ? $0 : nil }
        guard let offset else { return nil }
        let number = name.hasPrefix("RTMIN+") ? realTime.lowerBound + offset : name.hasPrefix("RTMAX-") ? realTime.upperBound - offset : 0
        return realTime.contains(number) ? number : nil
    }
}
