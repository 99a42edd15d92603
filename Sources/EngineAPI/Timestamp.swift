// Timestamp owns moments on the wire: RFC 3339 with nanoseconds, seconds with a fraction, Unix numbers.
// The calendar is the proleptic Gregorian one in UTC; no time zone database is read.
import Faults
import Glibc

/// A moment: nanoseconds since 1970-01-01T00:00:00Z.
public struct Timestamp: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Whole seconds since 1970.
    public let seconds: Int64
    /// Nanoseconds within the second, 0 to 999,999,999.
    public let nanosecond: Int32

    /// The moment `nanosecond` after `seconds`.
    public init(seconds: Int64, nanosecond: Int32 = 0) {
        self.seconds = seconds
        self.nanosecond = nanosecond
    }

    /// The moment that many nanoseconds after 1970.
    public init(nanoseconds: Int64) {
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        self.init(
            seconds: remainder < 0 ? quotient - 1 : quotient,
            nanosecond: Int32(remainder < 0 ? remainder + 1_000_000_000 : remainder))
    }

    /// Now, by the machine's clock.
    public static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanosecond: Int32(time.tv_nsec))
    }

    /// How docker writes "never".
    public static let neverText = "0001-01-01T00:00:00Z"

    /// Nanoseconds since 1970; saturates outside of the years 1678 to 2262.
    public var nanoseconds: Int64 {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : product + Int64(nanosecond)
    }

    /// RFC 3339 in UTC, with as many digits of the fraction as are not zero.
    public var description: String { rfc3339(allDigits: false) }

    /// RFC 3339 in UTC with all nine digits, as log lines carry it.
    public var padded: String { rfc3339(allDigits: true) }

    private func rfc3339(allDigits: Bool) -> String {
        let day = Int64((Double(seconds) / 86_400).rounded(.down))
        let second = Int(seconds - day * 86_400)
        let date = Self.civil(day: day)
        var text = Self.digits(date.year, 4) + "-" + Self.digits(date.month, 2) + "-" + Self.digits(date.day, 2)
        text += "T" + Self.digits(second / 3600, 2) + ":" + Self.digits(second / 60 % 60, 2) + ":" + Self.digits(second % 60, 2)
        if nanosecond != 0 || allDigits {
            var fraction = Self.digits(Int(nanosecond), 9)
            while !allDigits, fraction.hasSuffix("0") { fraction.removeLast() }
            text += "." + fraction
        }
        return text + "Z"
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanosecond) < (right.seconds, right.nanosecond)
    }

    /// Reads RFC 3339 (`Z` or an offset; a missing zone is UTC; a date alone too) or seconds since
    /// 1970 with an optional fraction.
    /// - Throws: `invalidArgument`.
    public init(parsing text: String) throws(Fault) {
        if let parsed = Self.unix(text) ?? Self.rfc3339(text) { self = parsed } else {
            throw Fault(.invalidArgument, "invalid timestamp \"\(text)\"")
        }
    }

    private static func unix(_ text: String) -> Timestamp? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let seconds = Int64(first) else { return nil }
        guard parts.count == 2 else { return Timestamp(seconds: seconds) }
        guard let nanosecond = fraction(parts[1]) else { return nil }
        return Timestamp(seconds: seconds, nanosecond: nanosecond)
    }

    private static func rfc3339(_ text: String) -> Timestamp? {
        var reader = DigitReader(text)
        guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
            let day = reader.number(2), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var seconds = days(year: year, month: month, day: day) * 86_400
        if reader.isAtEnd { return Timestamp(seconds: seconds) }
        guard reader.skip("T") || reader.skip("t") || reader.skip(" "), let hour = reader.number(2), reader.skip(":"),
            let minute = reader.number(2), hour < 24, minute < 60
        else { return nil }
        var second = 0
        var nanosecond: Int32 = 0
        if reader.skip(":") {
            guard let read = reader.number(2), read <= 60 else { return nil }
            second = read
            if reader.skip(".") {
                guard let read = fraction(reader.digits()) else { return nil }
                nanosecond = read
            }
        }
        guard let offset = reader.zone(), reader.isAtEnd else { return nil }
        seconds += Int64(hour * 3600 + minute * 60 + second) - Int64(offset)
        return Timestamp(seconds: seconds, nanosecond: nanosecond)
    }

    private static func fraction(_ text: some StringProtocol) -> Int32? {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return Int32((text.prefix(9) + String(repeating: "0", count: max(0, 9 - text.count))))
    }

    private static func digits(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    /// Days from 1970-01-01, counting years from March so that the leap day is the last of its year.
    private static func days(year: Int, month: Int, day: Int) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468)
    }

    private static func civil(day: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = Int(day) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        return (year, month < 10 ? month + 3 : month - 9, dayOfYear - (153 * month + 2) / 5 + 1)
    }
}

/// Walks over the digits and signs of a date.
private struct DigitReader {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = Substring(text).utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    mutating func digits() -> String {
        let found = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }
        rest = rest.dropFirst(found.count)
        return String(decoding: found, as: UTF8.self)
    }

    mutating func number(_ width: Int) -> Int? {
        let found = rest.prefix(width)
        guard found.count == width, found.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        rest = rest.dropFirst(width)
        return found.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// Seconds east of UTC; none said is UTC.
    mutating func zone() -> Int? {
        if isAtEnd || skip("Z") || skip("z") { return 0 }
        let east = skip("+")
        guard east || skip("-"), let hours = number(2) else { return nil }
        _ = skip(":")
        guard let minutes = number(2), hours < 24, minutes < 60 else { return nil }
        return (hours * 3600 + minutes * 60) * (east ? 1 : -1)
    }
}
