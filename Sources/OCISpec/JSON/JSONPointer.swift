/// Places in a document as people read them: JSON pointers (RFC 6901) and lines.
enum JSONPointer {
    /// One step of a pointer, `~` and `/` escaped.
    static func step(_ name: String) -> String {
        guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return "/" + name }
        return "/" + name.reduce(into: "") { $0 += $1 == "~" ? "~0" : $1 == "/" ? "~1" : String($1) }
    }

    /// The pointer of a coding path.
    static func make(_ path: [any CodingKey]) -> String {
        path.reduce("") { $0 + step($1.intValue.map(String.init) ?? $1.stringValue) }
    }

    /// The line and the column (in bytes) of an offset, both from 1.
    static func place(_ offset: Int, in bytes: some RandomAccessCollection<UInt8>) -> String {
        var line = 1
        var column = 1
        for byte in bytes.prefix(offset) {
            if byte == 0x0A { (line, column) = (line + 1, 1) } else { column += 1 }
        }
        return "\(line):\(column)"
    }
}

/// The place of an element in an array, as a coding key.
struct JSONIndex: CodingKey {
    let intValue: Int?
    var stringValue: String { String(intValue ?? 0) }
    init(_ index: Int) { intValue = index }
    init?(intValue: Int) { self.intValue = intValue }
    init?(stringValue: String) { return nil }
}
