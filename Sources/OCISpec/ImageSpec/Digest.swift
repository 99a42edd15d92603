import Faults

/// The name of a blob by its content: an algorithm and that many hexadecimal digits. Text
/// becomes one only here, so that a digest can be used as a file name without a second look.
public struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// The hash functions that may name a blob.
    public enum Algorithm: String, Sendable, CaseIterable {
        case sha256, sha384, sha512

        /// How many hexadecimal digits its result has.
        public var hexCount: Int {
            switch self {
            case .sha256: 64
            case .sha384: 96
            case .sha512: 128
            }
        }
    }

    /// The hash function.
    public let algorithm: Algorithm
    /// Its result, in lower case.
    public let hex: String

    /// Reads `sha256:…`.
    /// - Throws: `.invalidArgument` for an unknown algorithm, a wrong length, a digit out of `0-9a-f`.
    public init(parsing text: String) throws(Fault) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            throw Fault(.invalidArgument, "invalid digest \"\(text)\": no algorithm")
        }
        guard let algorithm = Algorithm(rawValue: String(text[..<colon])) else {
            throw Fault(.invalidArgument, "invalid digest \"\(text)\": unsupported algorithm")
        }
        try self.init(algorithm, hex: String(text[text.utf8.index(after: colon)...]))
    }

    /// Makes one from its parts.
    /// - Throws: `.invalidArgument` for a wrong length or a digit out of `0-9a-f`.
    public init(_ algorithm: Algorithm = .sha256, hex: String) throws(Fault) {
        guard hex.utf8.count == algorithm.hexCount, hex.utf8.allSatisfy(Self.isDigit) else {
            throw Fault(
                .invalidArgument,
                "invalid digest \"\(algorithm.rawValue):\(hex)\": want \(algorithm.hexCount) lower-case hexadecimal digits")
        }
        self.algorithm = algorithm
        self.hex = hex
    }

    /// The digest whose hash function gave these bytes.
    /// - Precondition: there are as many as the function gives.
    public init(_ algorithm: Algorithm = .sha256, bytes: some Collection<UInt8>) {
        precondition(bytes.count * 2 == algorithm.hexCount, "\(bytes.count) bytes are no \(algorithm.rawValue)")
        let digits = Array("0123456789abcdef".utf8)
        self.algorithm = algorithm
        hex = String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            var at = 0
            for byte in bytes {
                buffer[at] = digits[Int(byte >> 4)]
                buffer[at + 1] = digits[Int(byte & 15)]
                at += 2
            }
            return at
        }
    }

    /// `sha256:…`.
    public var description: String { "\(algorithm.rawValue):\(hex)" }

    /// The first twelve digits, as people see them.
    public var short: String { String(hex.prefix(12)) }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

extension Digest: Codable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        do throws(Fault) {
            try self.init(parsing: text)
        } catch {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: error.reason))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
