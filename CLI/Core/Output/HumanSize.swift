/// Sizes as docker's listings have them: three digits and a decimal unit, `1.98MB`.
package enum HumanSize {
    private static let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]

    /// `bytes` with at most three digits.
    package static func describe(_ bytes: Int64) -> String {
        var value = Double(bytes)
        var unit = 0
        while value >= 1000, unit + 1 < units.count {
            value /= 1000
            unit += 1
        }
        return significant(value) + units[unit]
    }

    /// As C's `%.3g` below a thousand.
    private static func significant(_ value: Double) -> String {
        let places = value < 10 ? 2 : value < 100 ? 1 : 0
        let scale = places == 2 ? 100.0 : places == 1 ? 10.0 : 1.0
        let scaled = Int64((value * scale).rounded(.toNearestOrEven))
        let whole = scaled / Int64(scale)
        let digits = String(scaled % Int64(scale))
        guard places > 0 else { return String(whole) }
        var fraction = String(repeating: "0", count: places - digits.utf8.count) + digits
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return fraction.isEmpty ? String(whole) : "\(whole).\(fraction)"
    }
}
