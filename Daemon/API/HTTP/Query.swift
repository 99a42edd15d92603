// Query owns the part of a target behind the question mark, in the form's encoding.
import Faults

/// Parameters by name; the first of several counts unless all are asked for.
struct Query: Sendable, Equatable {
    private var pairs: [(name: String, value: String)] = []

    /// Reads `a=1&b=2`; nil is an empty query.
    /// - Throws: `invalidArgument` where percent signs do not spell UTF-8.
    init(_ text: Substring?) throws(Fault) {
        for part in (text ?? "").split(separator: "&") {
            let name = part.prefix { $0 != "=" }
            let value = part.dropFirst(name.count).dropFirst()
            pairs.append((try Percent.decode(name, plusIsSpace: true), try Percent.decode(value, plusIsSpace: true)))
        }
    }

    static func == (left: Query, right: Query) -> Bool { left.pairs.elementsEqual(right.pairs, by: ==) }

    /// The first value; nil when absent.
    func string(_ name: String) -> String? { pairs.first { $0.name == name }?.value }

    /// The first value; nil when absent or empty.
    func text(_ name: String) -> String? {
        guard let value = string(name), !value.isEmpty else { return nil }
        return value
    }

    /// Every value.
    func strings(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    /// Docker's booleans: absent, empty, `0`, `no`, `false` and `none` are false, all else is true.
    func bool(_ name: String) -> Bool {
        guard let value = string(name)?.lowercased() else { return false }
        return !["", "0", "no", "false", "none"].contains(value)
    }

    /// As ``bool(_:)``, with another answer when absent.
    func bool(_ name: String, absent: Bool) -> Bool { string(name) == nil ? absent : bool(name) }

    /// A whole number; nil when absent or empty.
    /// - Throws: `invalidArgument` when it is none.
    func integer(_ name: String) throws(Fault) -> Int? {
        guard let value = text(name) else { return nil }
        guard let number = Int(value) else { throw Fault(.invalidArgument, "invalid value for \(name): \"\(value)\" is not a whole number") }
        return number
    }
}

/// Percent-encoding.
enum Percent {
    /// The text that percent signs spell.
    /// - Throws: `invalidArgument` on a broken escape, a NUL or bytes that are not UTF-8.
    static func decode(_ text: Substring, plusIsSpace: Bool) throws(Fault) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+"), plusIsSpace {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(value), let low = rest.popFirst().flatMap(value) else {
                    throw Fault(.invalidArgument, "invalid URL escape in the request")
                }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(byte)
            }
        }
        guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else {
            throw Fault(.invalidArgument, "the request's URL is not UTF-8")
        }
        return decoded
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
