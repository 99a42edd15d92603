import EngineAPI
import Faults
import Linux
import OCISpec

/// Speaks the Engine API over one endpoint: negotiates the version once, keeps one idle
/// connection, and turns answers that say no into faults. It knows no verb and prints nothing.
package final class EngineClient {
    /// The most bytes of an answer that is read as a whole.
    private static let answerBytesMax = 256 << 20

    /// Where the engine listens.
    package let endpoint: Endpoint
    private let wantedVersion: APIVersion?
    private var version: APIVersion?
    private var idle: CInt?

    /// A client of the engine at `endpoint`; connects when first asked.
    /// - Parameter version: the text of DOCKER_API_VERSION, which switches negotiation off.
    package init(endpoint: Endpoint, version: String?) throws(Fault) {
        self.endpoint = endpoint
        guard let version, !version.isEmpty else {
            wantedVersion = nil
            return
        }
        guard let parsed = APIVersion(parsing: version.hasPrefix("v") ? String(version.dropFirst()) : version) else {
            throw Fault(.invalidArgument, "DOCKER_API_VERSION is not a version: \(version)")
        }
        wantedVersion = parsed
    }

    deinit { if let idle { _ = FileDescriptor(owning: idle) } }

    /// The version that requests are sent in: the lower of ours and the engine's.
    package func negotiatedVersion() throws(Fault) -> APIVersion {
        if let version { return version }
        var chosen = wantedVersion ?? APIVersion.current
        if wantedVersion == nil {
            let exchange = try begin(Request("HEAD", "/_ping"), prefix: "")
            let head = try exchange.readHead()
            // An engine that says nothing about versions is the oldest that is still spoken to.
            let served = head.header("api-version").flatMap { APIVersion(parsing: $0) } ?? APIVersion.minimum
            chosen = min(chosen, served)
            keep(exchange, head)
        }
        version = chosen
        return chosen
    }

    /// Sends a request and decodes the answer.
    package func call<Answer: Decodable>(_ request: Request, as type: Answer.Type = Answer.self) throws(Fault) -> Answer {
        let bytes = try raw(request)
        do { return try JSON.decode(type, from: bytes, limits: JSONLimits(bytesMax: EngineClient.answerBytesMax)) } catch {
            throw error.within("read the answer to \(request.method) \(request.path)")
        }
    }

    /// Sends a request and forgets the answer's body.
    package func perform(_ request: Request) throws(Fault) { _ = try raw(request) }

    /// Sends a request and returns the answer's body as it came.
    package func raw(_ request: Request) throws(Fault) -> [UInt8] {
        let (head, exchange) = try open(request)
        let bytes = try exchange.readAll(limit: EngineClient.answerBytesMax)
        keep(exchange, head)
        return bytes
    }

    /// Sends a request and returns when the head of a good answer has arrived; the body follows
    /// piece by piece.
    package func stream(_ request: Request) throws(Fault) -> Exchange { try open(request).1 }

    /// Sends a request that turns the connection into a raw stream.
    package func hijack(_ request: Request) throws(Fault) -> RawStream {
        var upgrade = request
        upgrade.hijacks = true
        let (head, exchange) = try open(upgrade, accepting: 101)
        return try exchange.rawStream(isMultiplexed: head.header("content-type") == "application/vnd.docker.multiplexed-stream")
    }

    // MARK: -

    private func open(_ request: Request, accepting extra: Int? = nil) throws(Fault) -> (ResponseHead, Exchange) {
        let prefix = "/v\(try negotiatedVersion())"
        let exchange = try begin(request, prefix: prefix)
        let head = try exchange.readHead()
        if (200..<300).contains(head.status) || head.status == 304 || head.status == extra { return (head, exchange) }
        throw refusal(head, try exchange.readAll(limit: 1 << 20))
    }

    private func begin(_ request: Request, prefix: String) throws(Fault) -> Exchange {
        let host = "api.cais.localhost"
        // A body from a descriptor cannot be sent twice, so it never goes on a connection that may have died.
        if let kept = idle, !request.body.isStream {
            idle = nil
            let socket = FileDescriptor(owning: kept)
            if !SocketPeek.hasEndedOrData(kept) { return try Exchange(request, on: socket, prefix: prefix, host: host) }
        }
        return try Exchange(request, on: endpoint.connect(), prefix: prefix, host: host)
    }

    private func keep(_ exchange: Exchange, _ head: ResponseHead) {
        guard exchange.isReusable, head.header("connection")?.lowercased() != "close", idle == nil else { return }
        // Losing the idle connection costs a new one and nothing else.
        // Without it the next request connects anew.
        idle = (try? exchange.duplicateSocket())?.release()
    }

    private func refusal(_ head: ResponseHead, _ body: [UInt8]) -> Fault {
        let text: String
        if let answer = try? JSON.decode(ErrorResponse.self, from: body), !answer.message.isEmpty {  // Not JSON: then the text itself.
            text = answer.message
        } else {
            let plain = String(decoding: body, as: UTF8.self).trimmed
            text = plain.isEmpty ? "request returned status \(head.status)" : plain
        }
        return Fault(Self.kind(of: head.status), "Error response from daemon: \(text)")
    }

    private static func kind(of status: Int) -> FaultKind {
        switch status {
        case 400: .invalidArgument
        case 401: .unauthorized
        case 403: .forbidden
        case 404: .notFound
        case 409: .conflict
        case 413: .tooLarge
        case 501: .unsupported
        case 503: .unavailable
        case 507: .noSpace
        default: .failed
        }
    }
}

extension EngineClient {
    /// A request whose body is `value` as JSON.
    package static func json(_ method: String, _ path: String, query: [(name: String, value: String)] = [], _ value: some Encodable) throws(Fault) -> Request {
        Request(method, path, query: query, body: .json(try JSON.encode(value)))
    }
}

/// A connection that has become a raw stream, and what already came over it.
package struct RawStream: Sendable {
    /// The connection; whoever takes the value closes it.
    package let socket: CInt
    /// Bytes that arrived with the head of the answer.
    package let early: [UInt8]
    /// Whether the engine said that the stream is framed.
    package let isMultiplexed: Bool
}
