// SignalName owns the names of signals as callers write them: `SIGTERM`, `term`, `15`.

package enum SignalName {
    /// In the kernel's order, from 1.
    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ]

    /// The number that `text` means; nil for nothing the kernel knows.
    package static func number(_ text: String) -> Int32? {
        if let number = Int32(text) { return (0...64).contains(number) ? number : nil }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        if let index = names.firstIndex(of: name) { return Int32(index + 1) }
        switch name {
        case "IOT": return 6
        case "POLL": return 29
        case "CLD": return 17
        default: return realTime(name)
        }
    }

    /// `RTMIN+3`, `RTMAX-1`: counted as the C library does, from 34 to 64.
    private static func realTime(_ name: String) -> Int32? {
        let (base, sign): (Int32, Int32) = name.hasPrefix("RTMIN") ? (34, 1) : (64, -1)
        guard name.hasPrefix("RTMIN") || name.hasPrefix("RTMAX") else { return nil }
        let rest = name.dropFirst(5)
        if rest.isEmpty { return base }
        guard rest.first == (sign == 1 ? "+" : "-"), let offset = Int32(rest.dropFirst()), (0...30).contains(offset) else { return nil }
        return base + sign * offset
    }
}
