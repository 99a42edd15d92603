// LogLine owns the shape of one line of a json-file log: {"log":"…","stream":"stdout","time":"…"}.
// It is written for speed: a log is read line by line, by the million.
import EngineAPI

/// One line of a log, as far as readers need it.
struct LogLine {
    /// What the container wrote, its newline included.
    var payload: [UInt8] = []
    /// Where.
    var stream = StreamFraming.Stream.stdout
    /// When, as written in the file.
    var time: [UInt8] = []

    /// Reads a line without its newline; nil where it is damaged (the machine went down while it
    /// was being written).
    init?(_ bytes: UnsafeRawBufferPointer) {
        var reader = Reader(bytes: bytes)
        guard reader.skip(UInt8(ascii: "{")) else { return nil }
        var key: [UInt8] = []
        var value: [UInt8] = []
        repeat {
            key.removeAll(keepingCapacity: true)
            guard reader.string(into: &key), reader.skip(UInt8(ascii: ":")) else { return nil }
            if key.elementsEqual("log".utf8) {
                payload.reserveCapacity(bytes.count)
                guard reader.string(into: &payload) else { return nil }
            } else if key.elementsEqual("stream".utf8) {
                value.removeAll(keepingCapacity: true)
                guard reader.string(into: &value) else { return nil }
                stream = value.elementsEqual("stderr".utf8) ? .stderr : .stdout
            } else if key.elementsEqual("time".utf8) {
                guard reader.string(into: &time) else { return nil }
            } else {
                return nil
            }
        } while reader.skip(UInt8(ascii: ","))
        guard reader.skip(UInt8(ascii: "}")) else { return nil }
    }

    /// When, as a moment.
    var moment: Timestamp? { try? Timestamp(parsing: String(decoding: time, as: UTF8.self)) }  // a line without a time is never filtered

    /// Walks over the bytes of a line.
    private struct Reader {
        let bytes: UnsafeRawBufferPointer
        var at = 0

        mutating func skip(_ byte: UInt8) -> Bool {
            guard at < bytes.count, bytes[at] == byte else { return false }
            at += 1
            return true
        }

        /// Appends a JSON string's bytes.
        mutating func string(into out: inout [UInt8]) -> Bool {
            guard skip(UInt8(ascii: "\"")) else { return false }
            while at < bytes.count {
                // Runs of plain bytes are most of every log: copied at once.
                let start = at
                while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") { at += 1 }
                if at > start { out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<at])) }
                guard at < bytes.count else { return false }
                if skip(UInt8(ascii: "\"")) { return true }
                guard escape(into: &out) else { return false }
            }
            return false
        }

        private mutating func escape(into out: inout [UInt8]) -> Bool {
            at += 1
            guard at < bytes.count else { return false }
            defer { at += 1 }
            switch bytes[at] {
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "u"): return unicode(into: &out)
            case let byte: out.append(byte)
            }
            return true
        }

        /// At the `u` of `\uXXXX`; leaves the position on its last digit.
        private mutating func unicode(into out: inout [UInt8]) -> Bool {
            guard var unit = hexadecimal(at: at + 1) else { return false }
            at += 4
            if (0xD800..<0xDC00).contains(unit), at + 6 < bytes.count, bytes[at + 1] == UInt8(ascii: "\\"), bytes[at + 2] == UInt8(ascii: "u"),
                let low = hexadecimal(at: at + 3), (0xDC00..<0xE000).contains(low)
            {
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
                at += 6
            }
            out.append(contentsOf: String(Unicode.Scalar(unit) ?? "\u{FFFD}").utf8)
            return true
        }

        private func hexadecimal(at start: Int) -> UInt32? {
            guard start + 4 <= bytes.count else { return nil }
            var value: UInt32 = 0
            for index in start..<start + 4 {
                let byte = bytes[index]
                let digit: UInt8
                switch byte {
                case 0x30...0x39: digit = byte - 0x30
                case 0x41...0x46: digit = byte - 0x37
                case 0x61...0x66: digit = byte - 0x57
                default: return nil
                }
                value = value << 4 | UInt32(digit)
            }
            return value
        }
    }
}
