// Clock writes the present moment the way state documents and logs want it.
import CLinux

enum Clock {
    /// Now in UTC as RFC 3339 with nanoseconds.
    static func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return timestamp(seconds: now.tv_sec, nanoseconds: now.tv_nsec)
    }

    /// A moment after the epoch. By hand, since gmtime_r(3) reads the machine's time zone first, which UTC has no use for.
    static func timestamp(seconds: Int, nanoseconds: Int) -> String {
        let date = civilDate(daysAfterEpoch: seconds / 86_400)
        let second = seconds % 86_400
        var text: [UInt8] = []
        text.reserveCapacity(30)
        for (value, digits, end) in [
            (date.year, 4, "-"), (date.month, 2, "-"), (date.day, 2, "T"), (second / 3_600, 2, ":"), (second / 60 % 60, 2, ":"), (second % 60, 2, "."),
            (nanoseconds, 9, "Z"),
        ] {
            var divisor = 1
            for _ in 1..<digits { divisor *= 10 }
            while divisor > 0 {
                text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
                divisor /= 10
            }
            text += end.utf8
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The date in the Gregorian calendar, by years that begin in March: then the leap day is the last.
    private static func civilDate(daysAfterEpoch days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    /// Milliseconds that only go forward.
    static func milliseconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
    }
}
