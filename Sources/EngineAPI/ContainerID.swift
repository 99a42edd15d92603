// ContainerID owns the shape of IDs (64 lowercase hexadecimal digits) and of names; nothing else
// in the engine makes either from text.
import Faults

/// A container's, network's or exec's ID: 32 random bytes in hexadecimal.
public struct ContainerID: Hashable, Sendable, Codable, CustomStringConvertible, Comparable {
    /// The 64 digits.
    public let text: String

    /// Digits of a full ID.
    public static let length = 64
    /// Digits of a short ID.
    public static let shortLength = 12

    /// Takes text that is a full ID; nil for any other.
    public init?(_ text: String) {
        guard text.utf8.count == Self.length, Self.isHexadecimal(text) else { return nil }
        self.text = text
    }

    /// The ID that 32 random bytes spell. An ID whose short form is a number alone is refused: as a
    /// host name it would read as one.
    public static func random(bytes: () -> [UInt8]) -> ContainerID {
        while true {
            let text = hexadecimal(bytes())
            guard let id = ContainerID(text) else { preconditionFailure("an ID needs 32 bytes, not \(text.utf8.count / 2)") }
            if !id.short.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) { return id }
        }
    }

    /// A new ID from the kernel's random numbers.
    public static func random() -> ContainerID {
        var generator = SystemRandomNumberGenerator()
        return random { (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) } }
    }

    /// The first twelve digits.
    public var short: String { String(text.prefix(Self.shortLength)) }

    public var description: String { text }

    public static func < (left: ContainerID, right: ContainerID) -> Bool { left.text < right.text }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = ContainerID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a container ID: \(text.prefix(80))")
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    /// Whether text is lowercase hexadecimal digits and nothing else, as a prefix of an ID must be.
    public static func isHexadecimal(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    }

    /// Bytes as lowercase hexadecimal digits.
    public static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits: [UInt8] = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }
}

/// Names that users give to containers, networks and volumes.
public enum ResourceName {
    /// What a name must match, as the error text shows it.
    public static let pattern = "[a-zA-Z0-9][a-zA-Z0-9_.-]"

    /// Whether text is a name: a letter or digit, then one or more letters, digits, `_`, `.` and `-`.
    public static func isValid(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count >= 2, bytes.count <= 255, isAlphanumeric(bytes[0]) else { return false }
        return bytes.dropFirst().allSatisfy { isAlphanumeric($0) || $0 == 0x5F || $0 == 0x2E || $0 == 0x2D }
    }

    /// A container's name without its leading slash.
    /// - Throws: `invalidArgument` in docker's words.
    public static func container(_ text: String) throws(Fault) -> String {
        let name = text.hasPrefix("/") ? String(text.dropFirst()) : text
        guard isValid(name) else {
            throw Fault(.invalidArgument, "Invalid container name (\(name)), only \(pattern) are allowed")
        }
        return name
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A) || (byte >= 0x61 && byte <= 0x7A)
    }
}
