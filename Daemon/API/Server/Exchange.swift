// Exchange owns the shapes between the connection, the router and the handlers: a request with its
// body still on the wire, and the three kinds of answer.
import CLinux
import EngineAPI
import Faults
import Linux
import NIOCore
import OCISpec

/// One request, as a handler sees it.
struct Request: Sendable {
    /// Method, target and headers.
    let head: RequestHead
    /// Parameters behind the question mark.
    let query: Query
    /// The API version asked for.
    let version: APIVersion
    /// What the route's placeholders stand for.
    let parameters: [String: String]
    /// The body, not read yet.
    let body: RequestBody

    /// Bytes of a JSON body at most.
    static let documentBytesMax = 16 << 20

    /// What a placeholder of the route stands for.
    func parameter(_ name: String) -> String { parameters[name] ?? "" }

    /// Reads the body as JSON.
    /// - Throws: `invalidArgument` where it is none, `tooLarge` beyond 16 MiB.
    func document<Value: Decodable>(_ type: Value.Type) async throws(Fault) -> Value {
        guard let value = try await optionalDocument(type) else { throw Fault(.invalidArgument, "invalid JSON: got EOF while reading request body") }
        return value
    }

    /// As ``document(_:)``; nil where there is no body.
    /// - Throws: as ``document(_:)``.
    func optionalDocument<Value: Decodable>(_ type: Value.Type) async throws(Fault) -> Value? {
        let bytes = try await body.collect(limit: Self.documentBytesMax)
        if bytes.isEmpty { return nil }
        if let media = head.header("content-type")?.split(separator: ";").first, media != "application/json" {
            throw Fault(.invalidArgument, "unsupported Content-Type header (\(media)): must be 'application/json'")
        }
        do { return try JSON.decode(type, from: bytes) } catch { throw Fault(error.kind, "invalid JSON: \(error.description)") }
    }

    /// The `filters` parameter.
    /// - Throws: `invalidArgument` where it is malformed.
    func filters() throws(Fault) -> Filters { try Filters(parsing: query.string("filters")) }
}

/// A handler's answer.
enum Response: Sendable {
    /// Everything at once.
    case complete(ResponseHead, body: [UInt8])
    /// A head, and a body that is made while it is sent. Until the first byte is written, an error
    /// still becomes an answer of its own.
    case stream(ResponseHead, @Sendable (BodyWriter) async throws -> Void)
    /// The connection becomes a process's stream.
    case hijack(Hijack)

    /// A value as JSON.
    /// - Throws: `failed` where it cannot be encoded.
    static func json(_ value: some Encodable, status: Int = 200) throws(Fault) -> Response {
        .complete(ResponseHead(status, [("Content-Type", "application/json")]), body: try JSON.encode(value) + [10])
    }

    /// An answer without a body.
    static func empty(_ status: Int = 204) -> Response { .complete(ResponseHead(status), body: []) }

    /// The answer that says what went wrong.
    static func failure(status: Int, _ message: String) -> Response {
        if status == 304 { return .empty(304) }
        let body = try? JSON.encode(ErrorResponse(message: message))  // A string encodes always; if not, the status says enough.
        return .complete(ResponseHead(status, [("Content-Type", "application/json")]), body: (body ?? []) + [10])
    }

    /// The answer that says what went wrong.
    static func failure(_ fault: Fault) -> Response { failure(status: fault.kind.httpStatus, fault.description) }
}

/// How a connection becomes a process's stream.
struct Hijack: Sendable {
    /// Where the process's stream comes from.
    let source: Source
    /// Output from before, sent ahead of the stream.
    let backlog: AsyncThrowingStream<[UInt8], any Error>?
    /// What the stream is, for clients that asked for an upgrade.
    let contentType: String
    /// The keys that end it; nil where the client's bytes are not keys.
    let detachKeys: DetachKeys?

    /// A process's stream, and when there is one.
    enum Source: Sendable {
        /// It is there.
        case open(ProcessStream)
        /// It is made, and its process started, when the client has been sent the head: clients that
        /// read the head through a buffer lose what arrives together with it. Nil where there is none.
        case afterHead(@Sendable () async -> ProcessStream?)

        /// The stream, now that the head is sent. The caller closes it.
        func take() async -> ProcessStream? {
            switch self {
            case .open(let stream): stream
            case .afterHead(let make): await make()
            }
        }

        /// Closes what is open: nobody will take it.
        func abandon() {
            if case .open(let stream) = self { _ = CLinux.close(stream.descriptor) }
        }
    }
}

/// The engine's end of a process's input and output.
struct ProcessStream: Sendable {
    /// Its socket; whoever gets the stream closes it.
    let descriptor: CInt
    /// Whether the client's bytes go to the process.
    let forwardsInput: Bool
}
