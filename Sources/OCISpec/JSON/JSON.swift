import Faults

/// The JSON coder of Cais: strict RFC 8259 behind `Codable`, without Foundation, quick to start.
/// Why there is one: docs/design/0004-json-coder.md.
public enum JSON {
    /// Reads a value from a document. Members that the type does not know are ignored.
    /// - Throws: `.invalidArgument` naming the place (line:column and JSON pointer) for text that
    ///   is not JSON and for values of the wrong type; `.tooLarge` beyond `limits.bytesMax`.
    public static func decode<T: Decodable>(
        _ type: T.Type, from bytes: [UInt8], limits: JSONLimits = .standard
    ) throws(Fault) -> T {
        throw Fault(.unsupported, "JSON decoding is not written yet")
    }

    /// Writes a value as a document in UTF-8.
    /// - Parameters:
    ///   - pretty: two spaces of indentation and one member a line.
    ///   - sortedKeys: members in the order of their names' bytes, so that equal values are equal bytes.
    /// - Throws: `.invalidArgument` for numbers that JSON cannot hold (NaN, infinities).
    public static func encode<T: Encodable>(_ value: T, pretty: Bool = false, sortedKeys: Bool = false) throws(Fault) -> [UInt8] {
        throw Fault(.unsupported, "JSON encoding is not written yet")
    }
}

/// How much of a document is read before it is refused.
public struct JSONLimits: Sendable, Hashable {
    /// The deepest nesting of arrays and objects.
    public var depthMax: Int
    /// The most bytes.
    public var bytesMax: Int

    /// Makes limits.
    public init(depthMax: Int = 512, bytesMax: Int = 16 << 20) {
        self.depthMax = depthMax
        self.bytesMax = bytesMax
    }

    /// 512 levels and 16 MiB.
    public static let standard = JSONLimits()
}
