/// Numbers and truth values as a command line writes them, with the error texts of Go's strconv,
/// which docker's users know.
enum Number {
    /// A value, or why there is none.
    struct Result<Value> {
        var value: Value?
        var error: String?
    }

    /// Decimal, or 0x, 0o, 0b and a leading 0; a sign; underscores only after a prefix.
    static func signed(_ text: String, bits: Int) -> Result<Int64> {
        let negative = text.hasPrefix("-")
        let digits = negative || text.hasPrefix("+") ? String(text.dropFirst()) : text
        let magnitude = magnitude(digits)
        guard let magnitude else { return .init(error: syntax("ParseInt", text)) }
        let limit = UInt64(1) << UInt64(bits - 1)
        guard let whole = magnitude, whole < limit || (negative && whole == limit) else {
            return .init(error: range("ParseInt", text))
        }
        return .init(value: negative ? Int64(truncatingIfNeeded: 0 &- whole) : Int64(whole))
    }

    /// As ``signed(_:bits:)`` without a sign.
    static func unsigned(_ text: String, bits: Int) -> Result<UInt64> {
        guard let magnitude = magnitude(text) else { return .init(error: syntax("ParseUint", text)) }
        guard let whole = magnitude, bits == 64 || whole >> UInt64(bits) == 0 else { return .init(error: range("ParseUint", text)) }
        return .init(value: whole)
    }

    /// The spellings of true and false that pflag knows.
    static func bool(_ text: String) -> Result<Bool> {
        switch text {
        case "1", "t", "T", "TRUE", "true", "True": .init(value: true)
        case "0", "f", "F", "FALSE", "false", "False": .init(value: false)
        default: .init(error: syntax("ParseBool", text))
        }
    }

    /// nil: not a number; .some(nil): too large for 64 bits.
    private static func magnitude(_ text: String) -> UInt64?? {
        var digits = Array(text.utf8)
        var base: UInt64 = 10
        var prefixed = false
        if digits.count > 1, digits[0] == UInt8(ascii: "0") {
            switch digits[1] | 0x20 {
            case UInt8(ascii: "x"): base = 16
            case UInt8(ascii: "b"): base = 2
            case UInt8(ascii: "o"): base = 8
            default: base = 0
            }
            prefixed = true
            digits.removeFirst(base == 0 ? 1 : 2)
            if base == 0 { base = 8 }
        }
        if prefixed { digits.removeAll { $0 == UInt8(ascii: "_") } }
        guard !digits.isEmpty else { return nil }
        var value: UInt64 = 0
        var overflowed = false
        for digit in digits {
            guard let number = hexValue(digit), number < base else { return nil }
            let (product, high) = value.multipliedReportingOverflow(by: base)
            let (sum, carry) = product.addingReportingOverflow(number)
            if high || carry { overflowed = true }
            value = sum
        }
        return .some(overflowed ? nil : value)
    }

    private static func hexValue(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    private static func syntax(_ function: String, _ text: String) -> String {
        "strconv.\(function): parsing \(quoted(text)): invalid syntax"
    }
    private static func range(_ function: String, _ text: String) -> String {
        "strconv.\(function): parsing \(quoted(text)): value out of range"
    }
}

/// `text` in double quotes with everything that does not print escaped.
package func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case "\u{07}": result += "\\a"
        case "\u{08}": result += "\\b"
        case "\u{0B}": result += "\\v"
        case "\u{0C}": result += "\\f"
        default:
            if scalar.value < 0x20 || scalar.value == 0x7F {
                let digits = String(scalar.value, radix: 16)
                result += "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }
    return result + "\""
}
