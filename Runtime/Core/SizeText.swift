// SizeText owns sizes in bytes as people write them: `512M`, `1.5g`, `64KiB`, in powers of 1024.

package enum SizeText {
    /// The bytes that `text` means; nil for what is no size, or too large.
    package static func bytes(_ text: String) -> Int64? {
        let number = text.prefix { ("0"..."9").contains($0) || $0 == "." }
        guard let value = Double(number) else { return nil }
        var unit = text.dropFirst(number.count).drop { $0 == " " }.lowercased()
        if unit.utf8.count == 3, unit.hasSuffix("ib") { unit.removeLast(2) } else if unit.hasSuffix("b") { unit.removeLast() }
        let powers = ["", "k", "m", "g", "t", "p"]
        guard let power = powers.firstIndex(of: unit) else { return nil }
        // Whole numbers stay exact; a fraction is rounded down to bytes.
        if let whole = Int64(number) {
            let (bytes, overflow) = whole.multipliedReportingOverflow(by: 1 << (10 * Int64(power)))
            return overflow ? nil : bytes
        }
        let bytes = value * Double(Int64(1) << (10 * Int64(power)))
        return bytes < Double(Int64.max) ? Int64(bytes) : nil
    }
}
