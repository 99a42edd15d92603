import EngineAPI
import Glibc

/// Moments in the user's time zone.
package enum LocalTime {
    /// `2026-11-23 22:00:47 +0000 UTC`, as docker's listings have it.
    package static func listing(seconds: Int64) -> String { format(seconds, "%Y-%m-%d %H:%M:%S %z %Z") }

    /// RFC 3339 with nine digits of the second, as docker's events have it.
    package static func event(nanoseconds: Int64) -> String {
        let (seconds, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let digits = String(fraction)
        let zone = format(seconds, "%z")
        let spelled = zone == "+0000" ? "Z" : zone.prefix(3) + ":" + zone.suffix(2)
        return format(seconds, "%Y-%m-%dT%H:%M:%S") + "." + String(repeating: "0", count: 9 - digits.utf8.count) + digits + spelled
    }

    /// RFC 3339 in UTC as Go prints a moment, `2026-11-23 22:00:47.5 +0000 UTC`; other text as it is.
    package static func utc(_ text: String) -> String {
        guard let moment = try? Timestamp(parsing: text) else { return text }  // Not a moment: then the text itself.
        return moment.description.replacing("T", with: " ").replacing("Z", with: " +0000 UTC")
    }

    /// As C's asctime(3) in UTC, `Thu May  7 21:09:36 2026`; other text as it is.
    package static func built(_ text: String) -> String {
        guard let moment = try? Timestamp(parsing: text) else { return text }  // As above.
        var seconds = time_t(moment.seconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return format(parts, "%a %b %e %H:%M:%S %Y")
    }

    private static func format(_ seconds: Int64, _ layout: String) -> String {
        var moment = time_t(seconds)
        var parts = tm()
        localtime_r(&moment, &parts)
        return format(parts, layout)
    }

    private static func format(_ moment: tm, _ layout: String) -> String {
        var parts = moment
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, layout, &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
