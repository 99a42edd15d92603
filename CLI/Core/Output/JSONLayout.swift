/// Lays out JSON text without reading its values, so that numbers, escapes and the order of
/// members stay what the engine sent.
package enum JSONLayout {
    /// `bytes`, a valid document, with `indent` for each level.
    package static func indented(_ bytes: [UInt8], indent: String = "    ", prefix: String = "") -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count * 2)
        var depth = 0
        var inString = false
        var escaped = false
        func newline() { result += Array(("\n" + prefix + String(repeating: indent, count: depth)).utf8) }
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            index += 1
            if inString {
                result.append(byte)
                if escaped { escaped = false } else if byte == UInt8(ascii: "\\") { escaped = true } else if byte == UInt8(ascii: "\"") { inString = false }
                continue
            }
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t"), UInt8(ascii: "\r"): continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                result.append(byte)
                var next = index
                while next < bytes.endIndex, bytes[next] <= 0x20 { next += 1 }
                if next < bytes.endIndex, bytes[next] == byte + 2 {
                    result.append(bytes[next])
                    index = next + 1
                } else {
                    depth += 1
                    newline()
                }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                newline()
                result.append(byte)
            case UInt8(ascii: ","):
                result.append(byte)
                newline()
            case UInt8(ascii: ":"): result += [byte, UInt8(ascii: " ")]
            default:
                if byte == UInt8(ascii: "\"") { inString = true }
                result.append(byte)
            }
        }
        return result
    }
}
