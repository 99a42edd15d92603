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
        try read(bytes, limits) { try $0.decode(type) }
    }

    /// Reads a configuration. The same as the general way, and quicker the first time; a string with a NUL byte is refused.
    public static func decode(
        _ type: RuntimeSpec.Type, from bytes: [UInt8], limits: JSONLimits = .standard
    ) throws(Fault) -> RuntimeSpec {
        try read(bytes, limits, allowsNUL: false) { try RuntimeSpec($0) }
    }

    /// Reads a process to be added by exec, in the same way as a configuration.
    public static func decode(
        _ type: RuntimeSpec.Process.Type, from bytes: [UInt8], limits: JSONLimits = .standard
    ) throws(Fault) -> RuntimeSpec.Process {
        try read(bytes, limits, allowsNUL: false) { try RuntimeSpec.Process($0) }
    }

    static func read<T>(
        _ bytes: [UInt8], _ limits: JSONLimits, allowsNUL: Bool = true, _ body: (JSONReader) throws -> T
    ) throws(Fault) -> T {
        guard bytes.count <= min(limits.bytesMax, Int(UInt32.max) - 1) else {
            throw Fault(.tooLarge, "the document has \(bytes.count) bytes; the most allowed is \(limits.bytesMax)")
        }
        let tape = try parse(bytes, limits)
        tape.allowsNUL = allowsNUL
        do {
            return try body(JSONReader(tape: tape, node: 0))
        } catch let error as DecodingError {
            throw fault(error, tape)
        } catch let error as Fault {
            throw error
        } catch {
            throw Fault(.invalidArgument, "\(error)")
        }
    }

    /// Writes a value as a document in UTF-8.
    /// - Parameters:
    ///   - pretty: two spaces of indentation and one member a line.
    ///   - sortedKeys: members in the order of their names' bytes, so that equal values are equal bytes.
    /// - Throws: `.invalidArgument` for numbers that JSON cannot hold (NaN, infinities).
    public static func encode<T: Encodable>(_ value: T, pretty: Bool = false, sortedKeys: Bool = false) throws(Fault) -> [UInt8] {
        let writer = JSONWriter(pretty: pretty, sortedKeys: sortedKeys)
        do {
            try JSONValueWriter(writer: writer, depth: 0).encode(value)
            if let failure = writer.failure { throw failure }
        } catch EncodingError.invalidValue(_, let context) {
            let pointer = JSONPointer.make(context.codingPath)
            throw Fault(.invalidArgument, context.debugDescription, trail: pointer.isEmpty ? [] : [pointer])
        } catch let error as Fault {
            throw error
        } catch {
            throw Fault(.invalidArgument, "\(error)")
        }
        return writer.text
    }

    private static func parse(_ bytes: [UInt8], _ limits: JSONLimits) throws(Fault) -> JSONTape {
        do {
            return try JSONParser.parse(bytes, depthMax: limits.depthMax)
        } catch {
            throw fault(error.reason, pointer: error.pointer, offset: error.offset, in: bytes)
        }
    }

    /// Says where a value of the wrong type is: Swift's own sentence about it names no place.
    private static func fault(_ error: DecodingError, _ tape: JSONTape) -> Fault {
        let context =
            switch error {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context), .dataCorrupted(let context):
                context
            @unknown default:
                DecodingError.Context(codingPath: [], debugDescription: "\(error)")
            }
        let node = tape.nodes[tape.node(at: context.codingPath)]
        // A string's node begins behind its quotation mark.
        let offset = Int(node.start) - (node.kind == .string ? 1 : 0)
        return fault(context.debugDescription, pointer: JSONPointer.make(context.codingPath), offset: offset, in: tape.bytes)
    }

    private static func fault(
        _ reason: String, pointer: String, offset: Int, in bytes: some RandomAccessCollection<UInt8>
    ) -> Fault {
        let place = JSONPointer.place(offset, in: bytes)
        return Fault(.invalidArgument, reason, trail: [pointer.isEmpty ? place : "\(place) (\(pointer))"])
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
