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

    /// `Mon Nov 23 22:00:47 2026`.
    package static func long(seconds: Int64) -> String { format(seconds, "%a %b %e %H:%M:%S %Y").split(separator: " ").joined(separator: " ") }

    private static func format(_ seconds: Int64, _ layout: String) -> String {
        var moment = time_t(seconds)
        var parts = tm()
        localtime_r(&moment, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, layout, &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
