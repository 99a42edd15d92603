// Timestamp owns one moment of the wall clock and its RFC 3339 text. It reads no clock.

/// A moment in UTC with nanoseconds, written as RFC 3339 with the trailing zeros of the fraction
/// left out: `2026-03-01T12:00:00.25Z`.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Seconds since 1970-01-01T00:00:00Z.
    package let seconds: Int64
    /// Nanoseconds within the second, 0 to 999,999,999.
    package let nanoseconds: Int32

    /// Makes a moment; surplus nanoseconds carry over into seconds.
    package init(seconds: Int64, nanoseconds: Int64 = 0) {
        let carry = nanoseconds >= 0 ? nanoseconds / 1_000_000_000 : -((-nanoseconds + 999_999_999) / 1_000_000_000)
        self.seconds = seconds + carry
        self.nanoseconds = Int32(nanoseconds - carry * 1_000_000_000)
    }

    /// Nanoseconds since 1970, as the Engine API's `timeNano` counts.
    package var unixNanoseconds: Int64 { seconds * 1_000_000_000 + Int64(nanoseconds) }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// The whole milliseconds from `earlier` to this moment; negative when it is later.
    package func milliseconds(since earlier: Timestamp) -> Int64 {
        (seconds - earlier.seconds) * 1_000 + Int64(nanoseconds - earlier.nanoseconds) / 1_000_000
    }

    /// This moment and `milliseconds` more.
    package func adding(milliseconds: Int64) -> Timestamp {
        Timestamp(seconds: seconds, nanoseconds: Int64(nanoseconds) + milliseconds * 1_000_000)
    }
}

/// Year, month, day and time of day in UTC.
package struct CalendarTime: Hashable, Sendable {
    /// The proleptic Gregorian date.
    package let year: Int64, month: Int64, day: Int64
    /// The time of day.
    package let hour: Int64, minute: Int64, second: Int64

    /// Splits seconds since 1970. Years are counted from March here, so that the leap day is the
    /// last of its year and every month's offset is one linear formula.
    package init(unixSeconds: Int64) {
        let days = unixSeconds.flooredDivision(by: 86_400)
        let rest = unixSeconds - days * 86_400
        let fromMarchYear0 = days + 719_468
        let era = fromMarchYear0.flooredDivision(by: 146_097)
        let dayOfEra = fromMarchYear0 - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60)
    }

    /// Seconds since 1970 of a date and time, or nil where the calendar has no such day.
    static func unixSeconds(year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64) -> Int64? {
        guard (1...12).contains(month), day >= 1, hour < 24, minute < 60, second < 60 else { return nil }
        let marchYear = month <= 2 ? year - 1 : year
        let era = marchYear.flooredDivision(by: 400)
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let seconds = (era * 146_097 + dayOfEra - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second
        let back = CalendarTime(unixSeconds: seconds)
        return back.day == day && back.month == month ? seconds : nil
    }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}

extension Timestamp: CustomStringConvertible, Codable {
    /// RFC 3339 text.
    package var description: String {
        let time = CalendarTime(unixSeconds: seconds)
        func padded(_ number: Int64, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        var text = "\(padded(time.year, 4))-\(padded(time.month, 2))-\(padded(time.day, 2))T"
        text += "\(padded(time.hour, 2)):\(padded(time.minute, 2)):\(padded(time.second, 2))"
        if nanoseconds > 0 {
            var fraction = padded(Int64(nanoseconds), 9)
            while fraction.last == "0" { fraction.removeLast() }
            text += "." + fraction
        }
        return text + "Z"
    }

    /// Reads RFC 3339 with `Z` or an offset; nil where it is anything else.
    package init?(parsing text: String) {
        var rest = Array(text.utf8)[...]
        func number(_ digits: Int) -> Int64? {
            guard rest.count >= digits else { return nil }
            var value: Int64 = 0
            for byte in rest.prefix(digits) {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            rest = rest.dropFirst(digits)
            return value
        }
        func skip(_ characters: String) -> Bool {
            guard let byte = rest.first, characters.utf8.contains(byte) else { return false }
            rest = rest.dropFirst()
            return true
        }
        guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2), skip("Tt "),
            let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
            let local = CalendarTime.unixSeconds(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        var fraction: Int64 = 0
        if skip(".") {
            let digits = rest.prefix { (0x30...0x39).contains($0) }.count
            guard (1...9).contains(digits), let value = number(digits) else { return nil }
            fraction = (digits..<9).reduce(value) { scaled, _ in scaled * 10 }
        }
        var offset: Int64 = 0
        if !skip("Zz") {
            let sign: Int64 = rest.first == UInt8(ascii: "-") ? -1 : 1
            guard skip("+-"), let hours = number(2), skip(":"), let minutes = number(2) else { return nil }
            offset = sign * (hours * 3_600 + minutes * 60)
        }
        guard rest.isEmpty else { return nil }
        self.init(seconds: local - offset, nanoseconds: fraction)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Timestamp(parsing: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an RFC 3339 time: \(text)")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
