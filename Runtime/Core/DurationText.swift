// DurationText owns spans of time as people write them: `5s`, `1.5h`, `1m30s`, `100ms`.

package enum DurationText {
    private static let nanoseconds: [(unit: String, count: Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12),
    ]

    /// The milliseconds that `text` means, at least one unless it is zero; nil for what is no span
    /// of time. Each number needs its unit; only 0 does without.
    package static func milliseconds(_ text: String) -> Int? {
        if text == "0" { return 0 }
        var rest = Substring(text)
        let isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest.removeFirst() }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let number = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
            rest = rest.dropFirst(unit.count)
            guard let value = Double(number), let scale = nanoseconds.first(where: { $0.unit == unit })?.count else { return nil }
            total += value * scale
        }
        guard total < Double(Int64.max) else { return nil }
        let milliseconds = total > 0 ? max(1, Int(total / 1e6)) : 0
        return isNegative ? -milliseconds : milliseconds
    }
}
