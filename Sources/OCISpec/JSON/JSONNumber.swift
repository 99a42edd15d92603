/// Numbers from their digits, whose grammar was checked when they were parsed.
enum JSONNumber {
    /// The integer, or nil where `Value` cannot hold it.
    @inline(__always)
    static func integer<Value: FixedWidthInteger>(_ raw: UnsafeBufferPointer<UInt8>) -> Value? {
        var value: Value = 0
        let isNegative = raw[0] == UInt8(ascii: "-")
        for byte in raw[(isNegative ? 1 : 0)...] {
            let digit = Value(truncatingIfNeeded: byte - UInt8(ascii: "0"))
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            // Negative numbers are summed downward: the smallest has no positive counterpart.
            let (sum, carry) = isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if carry { return nil }
            value = sum
        }
        return value
    }

    /// The nearest double, or nil where that is infinite.
    static func double(_ raw: UnsafeBufferPointer<UInt8>) -> Double? {
        guard let value = Double(String(decoding: raw, as: UTF8.self)), value.isFinite else { return nil }
        return value
    }
}
