/// Bytes of strings: escapes and comparison.
enum JSONText {
    @inline(__always)
    static func equal(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left[index] != right[index] { return false }
        return true
    }

    /// Adds a number's digits; the standard library's way is made for each width of number, when it is first gone.
    static func append(decimal number: UInt64, to text: inout [UInt8]) {
        let first = text.count
        var rest = number
        repeat {
            text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        text[first...].reverse()
    }

    /// The bytes a string stands for. Its escapes were checked when it was parsed.
    static func unescape(_ raw: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(raw.count)
        var at = 0
        while at < raw.count {
            guard raw[at] == UInt8(ascii: "\\") else {
                result.append(raw[at])
                at += 1
                continue
            }
            let letter = raw[at + 1]
            at += 2
            guard letter == UInt8(ascii: "u") else {
                result.append(plain(letter) ?? letter)
                continue
            }
            var code = unit(raw, at) ?? 0
            at += 4
            if (0xD800..<0xDC00).contains(code) {
                code = 0x10000 + (code - 0xD800) << 10 + ((unit(raw, at + 2) ?? 0xDC00) - 0xDC00)
                at += 6
            }
            append(code, to: &result)
        }
        return result
    }

    /// What the letter behind a backslash stands for, `u` apart.
    @inline(__always)
    static func plain(_ letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "t"): 9
        case _: nil
        }
    }

    /// The four hexadecimal digits at `at`.
    static func unit(_ raw: UnsafeBufferPointer<UInt8>, _ at: Int) -> UInt32? {
        guard at + 4 <= raw.count else { return nil }
        var value: UInt32 = 0
        for byte in raw[at..<at + 4] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
            case _: return nil
            }
        }
        return value
    }

    private static func append(_ code: UInt32, to result: inout [UInt8]) {
        switch code {
        case ..<0x80: result.append(UInt8(code))
        case ..<0x800: result += [UInt8(0xC0 | code >> 6), UInt8(0x80 | code & 63)]
        case ..<0x10000: result += [UInt8(0xE0 | code >> 12), UInt8(0x80 | code >> 6 & 63), UInt8(0x80 | code & 63)]
        case _:
            result += [
                UInt8(0xF0 | code >> 18), UInt8(0x80 | code >> 12 & 63), UInt8(0x80 | code >> 6 & 63), UInt8(0x80 | code & 63),
            ]
        }
    }

    /// Appends `string` in quotation marks, with what RFC 8259 wants escaped.
    static func append(quoted string: String, to text: inout [UInt8]) {
        var string = string
        text.append(UInt8(ascii: "\""))
        string.withUTF8 { bytes in
            var from = 0
            for at in 0..<bytes.count {
                let byte = bytes[at]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                text += bytes[from..<at]
                append(escaped: byte, to: &text)
                from = at + 1
            }
            text += bytes[from...]
        }
        text.append(UInt8(ascii: "\""))
    }

    private static func append(escaped byte: UInt8, to text: inout [UInt8]) {
        let letter: UInt8? =
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): byte
            case 8: UInt8(ascii: "b")
            case 9: UInt8(ascii: "t")
            case 10: UInt8(ascii: "n")
            case 12: UInt8(ascii: "f")
            case 13: UInt8(ascii: "r")
            case _: nil
            }
        if let letter {
            text += [UInt8(ascii: "\\"), letter]
        } else {
            let digits = Array("0123456789abcdef".utf8)
            text += "\\u00".utf8
            text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}
