// Sizes and durations as users write them: docker's and Go's grammars, read strictly.
import Faults

/// A number of bytes as text.
public enum ByteSize {
    /// Reads `512`, `512b`, `64m`, `1.5g`, `10MB`, `1GiB` with units of 1024.
    /// - Throws: `invalidArgument` in docker's words.
    public static func parse(_ text: String) throws(Fault) -> Int64 { try parse(text, unit: 1024) }

    /// As ``parse(_:)`` with units of 1000.
    /// - Throws: `invalidArgument` in docker's words.
    public static func parseDecimal(_ text: String) throws(Fault) -> Int64 { try parse(text, unit: 1000) }

    private static func parse(_ text: String, unit: Double) throws(Fault) -> Int64 {
        let invalid = Fault(.invalidArgument, "invalid size: '\(text)'")
        let digits = text.prefix { ("0"..."9").contains($0) || $0 == "." }
        var suffix = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        guard !digits.isEmpty, let number = Double(digits), number >= 0 else { throw invalid }
        if suffix.hasSuffix("ib") { suffix.removeLast(2) } else if suffix.hasSuffix("b") { suffix.removeLast() }
        guard suffix.isEmpty || suffix.count == 1 else { throw invalid }
        var factor = 1.0
        if let letter = suffix.first {
            guard let power = "kmgtp".firstIndex(of: letter) else { throw invalid }
            for _ in 0...("kmgtp".distance(from: "kmgtp".startIndex, to: power)) { factor *= unit }
        }
        let bytes = number * factor
        guard bytes < Double(Int64.max) else { throw invalid }
        return Int64(bytes)
    }

    /// Four digits and a decimal unit, as docker prints sizes: `1.23kB`, `77.8MB`.
    public static func describe(_ bytes: Int64) -> String { describe(bytes, unit: 1000, ["B", "kB", "MB", "GB", "TB", "PB"], digits: 4) }

    /// Four digits and a binary unit: `1.5KiB`.
    public static func describeBinary(_ bytes: Int64) -> String {
        describe(bytes, unit: 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], digits: 4)
    }

    private static func describe(_ bytes: Int64, unit: Double, _ names: [String], digits: Int) -> String {
        var value = Double(bytes)
        var index = 0
        while value >= unit, index + 1 < names.count {
            value /= unit
            index += 1
        }
        return significant(value, digits) + names[index]
    }

    /// As C's `%.{digits}g` for values from 0 to below 10^digits.
    private static func significant(_ value: Double, _ digits: Int) -> String {
        var whole = 1
        var limit = 10.0
        while value >= limit, whole < digits {
            limit *= 10
            whole += 1
        }
        let places = digits - whole
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = Int64((value * scale).rounded(.toNearestOrEven))
        var text = String(scaled / Int64(scale))
        if places > 0 {
            let fraction = String(scaled % Int64(scale))
            var padded = String(repeating: "0", count: places - fraction.count) + fraction
            while padded.hasSuffix("0") { padded.removeLast() }
            if !padded.isEmpty { text += "." + padded }
        }
        return text
    }
}

/// A duration in Go's grammar.
public enum GoDuration {
    /// Nanoseconds of `1h30m`, `1.5s`, `300ms`, `0`, `-2m`.
    /// - Throws: `invalidArgument`.
    public static func nanoseconds(_ text: String) throws(Fault) -> Int64 {
        let invalid = Fault(.invalidArgument, "invalid duration \"\(text)\"")
        var rest = text[...]
        let negative = rest.hasPrefix("-")
        if negative || rest.hasPrefix("+") { rest = rest.dropFirst() }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { throw invalid }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
            rest = rest.dropFirst(unit.count)
            guard !digits.isEmpty, let number = Double(digits), let factor = units[String(unit)] else { throw invalid }
            total += number * factor
        }
        guard total < Double(Int64.max) else { throw invalid }
        return negative ? -Int64(total.rounded()) : Int64(total.rounded())
    }

    private static let units: [String: Double] = [
        "ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
    ]
}
