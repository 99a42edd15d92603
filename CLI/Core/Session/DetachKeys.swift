import Faults

/// The keys that leave a container running: `ctrl-p,ctrl-q`, `a,b`, `ctrl-@`.
package struct DetachKeys: Sendable, Hashable {
    /// The bytes that the keys send.
    package let bytes: [UInt8]

    /// docker's keys.
    package static let standard = DetachKeys(bytes: [16, 17])

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads keys separated by commas.
    /// - Throws: `invalidArgument` for a word that is no key.
    package init(parsing text: String) throws(Fault) {
        var bytes: [UInt8] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let utf8 = Array(word.utf8)
            if utf8.count == 1 {
                bytes.append(utf8[0])
            } else if word.hasPrefix("ctrl-"), utf8.count == 6, let control = Self.control(utf8[5]) {
                bytes.append(control)
            } else {
                throw Fault(.invalidArgument, "Unknown character: '\(word)'")
            }
        }
        self.bytes = bytes
    }

    private static func control(_ letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): letter - UInt8(ascii: "a") + 1
        case UInt8(ascii: "@"): 0
        case UInt8(ascii: "["): 27
        case UInt8(ascii: "\\"): 28
        case UInt8(ascii: "]"): 29
        case UInt8(ascii: "^"): 30
        case UInt8(ascii: "_"): 31
        default: nil
        }
    }
}

/// Looks for the keys in what is typed. Bytes that might begin them are held back until it is
/// clear that they do not.
package struct DetachScanner: Sendable {
    private let keys: [UInt8]
    private var matched = 0

    /// A scanner for `keys`.
    package init(_ keys: DetachKeys) { self.keys = keys.bytes }

    /// What of `typed` goes on to the container, and whether the keys were completed.
    package mutating func scan(_ typed: ArraySlice<UInt8>) -> (passed: [UInt8], detach: Bool) {
        guard !keys.isEmpty else { return (Array(typed), false) }
        var passed: [UInt8] = []
        for byte in typed {
            if byte == keys[matched] {
                matched += 1
                if matched == keys.count { return (passed, true) }
                continue
            }
            passed += keys.prefix(matched)
            matched = byte == keys[0] ? 1 : 0
            if matched == 0 { passed.append(byte) } else if keys.count == 1 { return (passed, true) }
        }
        return (passed, false)
    }
}
