// DetachKeys owns the key sequence that ends an attachment to a terminal: its spelling, and its
// recognition in a stream of keys. Values without I/O.
import Faults

/// A sequence of keys, as bytes.
struct DetachKeys: Sendable, Hashable {
    /// The bytes, at least one.
    let bytes: [UInt8]

    /// ctrl-p ctrl-q.
    static let standard = DetachKeys(bytes: [16, 17])
    /// Keys of a sequence at most.
    static let countMax = 16

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads `ctrl-p,ctrl-q` or `a,b,c`; nil and empty text are the standard sequence.
    /// - Throws: `invalidArgument` in docker's words.
    init(parsing text: String?) throws(Fault) {
        guard let text, !text.isEmpty else {
            self = .standard
            return
        }
        let keys = text.split(separator: ",", omittingEmptySubsequences: false)
        guard keys.count <= Self.countMax else { throw Fault(.invalidArgument, "Invalid detach keys (\(text)) provided") }
        var bytes: [UInt8] = []
        for key in keys {
            guard let byte = Self.byte(key) else { throw Fault(.invalidArgument, "Invalid detach keys (\(text)) provided") }
            bytes.append(byte)
        }
        self.bytes = bytes
    }

    private static func byte(_ key: Substring) -> UInt8? {
        if key.utf8.count == 1 { return key.utf8.first }
        guard key.hasPrefix("ctrl-"), key.utf8.count == 6, let letter = key.utf8.last else { return nil }
        switch letter {
        case 0x61...0x7A: return letter - 0x60  // a to z
        case 0x40: return 0  // @
        case 0x5B...0x5F: return letter - 0x40  // [ \ ] ^ _
        default: return nil
        }
    }
}

/// Looks for the sequence in what a client types. Keys that may begin it are held back until they do
/// not any more, so a detaching client leaves none of them behind.
struct DetachKeyFilter: Sendable {
    private let keys: DetachKeys
    private var matched = 0

    /// Watches for these keys.
    init(_ keys: DetachKeys) { self.keys = keys }

    /// What of `typed` and of what was held back goes on, and whether the sequence is complete (what
    /// follows it is dropped).
    mutating func push(_ typed: some Sequence<UInt8>) -> (forward: [UInt8], detached: Bool) {
        var forward: [UInt8] = []
        for byte in typed {
            while byte != keys.bytes[matched], matched > 0 {
                // The longest end of what is held that still begins the sequence stays held.
                let shorter = fallback(matched)
                forward += keys.bytes[0..<(matched - shorter)]
                matched = shorter
            }
            guard byte == keys.bytes[matched] else {
                forward.append(byte)
                continue
            }
            matched += 1
            if matched == keys.bytes.count { return (forward, true) }
        }
        return (forward, false)
    }

    /// Gives up what is held back: nothing more will be typed.
    mutating func finish() -> [UInt8] {
        defer { matched = 0 }
        return Array(keys.bytes[0..<matched])
    }

    private func fallback(_ length: Int) -> Int {
        for shorter in stride(from: length - 1, to: 0, by: -1)
        where keys.bytes[(length - shorter)..<length].elementsEqual(keys.bytes[0..<shorter]) {
            return shorter
        }
        return 0
    }
}
