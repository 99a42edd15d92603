// Dispatcher owns one request from its head to its last byte: who may ask, which handler, what is
// sent, and whether the connection goes on. Errors become answers here and nowhere else.
import CLinux
import EngineAPI
import Faults
import Logging
import NIOCore

/// Serves requests by the table of routes.
struct Dispatcher: Sendable {
    let router: Router
    let logger: Logger
    /// Whether the clients come over TCP, where browsers can be made to ask.
    let isRemote: Bool
    /// Headers of every answer.
    let commonHeaders: [(name: String, value: String)]

    init(router: Router, logger: Logger, isRemote: Bool, serverName: String) {
        self.router = router
        self.logger = logger
        self.isRemote = isRemote
        commonHeaders = [
            ("Api-Version", APIVersion.current.description), ("Docker-Experimental", "false"), ("Ostype", "linux"),
            ("Server", serverName),
        ]
    }

    /// Serves one request of a connection.
    func serve(_ head: RequestHead, on connection: Connection) async -> ConnectionHandler.Outcome {
        let response: Response
        do throws(Fault) {
            response = try await respond(to: head, on: connection)
        } catch {
            log(error, head)
            response = .failure(error)
        }
        do {
            return try await send(response, to: head, on: connection)
        } catch {
            // The client has gone, or the answer broke off behind its head: its end says so.
            logger.debug("answer not finished", metadata: ["method": "\(head.method)", "error": "\(error)"])
            return .close
        }
    }

    private func respond(to head: RequestHead, on connection: Connection) async throws(Fault) -> Response {
        if isRemote { try RemoteAccess.check(head) }
        if head.method == "OPTIONS" { return .empty(200) }
        let match = try router.match(method: head.method, target: head.target)
        let body = RequestBody(connection: connection, framing: head.framing)
        let request = Request(head: head, query: match.query, version: match.version, parameters: match.parameters, body: body)
        return try await match.handler(request)
    }

    private func log(_ fault: Fault, _ head: RequestHead) {
        let path = head.target.prefix { $0 != "?" }
        let level: Logger.Level = fault.kind.httpStatus >= 500 ? .error : .debug
        logger.log(
            level: level, "request refused",
            metadata: ["method": "\(head.method)", "path": "\(path)", "status": "\(fault.kind.httpStatus)", "error": "\(fault)"])
    }

    // MARK: - Sending

    private func send(_ response: Response, to head: RequestHead, on connection: Connection) async throws -> ConnectionHandler.Outcome {
        switch response {
        case .complete(let responseHead, let body):
            try await sendComplete(responseHead, body, to: head, on: connection)
            return head.keepsAlive ? .answered : .close
        case .stream(let responseHead, let produce):
            return try await sendStream(responseHead, produce, to: head, on: connection)
        case .hijack(let hijack):
            try await sendHijack(hijack, to: head, on: connection)
            return .hijacked
        }
    }

    private func sendComplete(_ responseHead: ResponseHead, _ body: [UInt8], to head: RequestHead, on connection: Connection) async throws {
        var responseHead = complete(responseHead, head)
        if !responseHead.forbidsBody { responseHead.headers.append(("Content-Length", String(body.count))) }
        let hasBody = !responseHead.forbidsBody && head.method != "HEAD"
        try await connection.channel.writeAndFlush(ByteBuffer(bytes: responseHead.bytes + (hasBody ? body : [])))
    }

    private func sendStream(
        _ responseHead: ResponseHead, _ produce: @Sendable (BodyWriter) async throws -> Void, to head: RequestHead, on connection: Connection
    ) async throws -> ConnectionHandler.Outcome {
        var responseHead = complete(responseHead, head)
        let chunked = head.minorVersion >= 1
        if chunked { responseHead.headers.append(("Transfer-Encoding", "chunked")) }
        let writer = BodyWriter(channel: connection.channel, head: responseHead, chunked: chunked)
        do {
            try await produce(writer)
            try await writer.end()
            return chunked && head.keepsAlive ? .answered : .close
        } catch let fault as Fault {
            log(fault, head)
            // Behind the head it is too late for a status: the missing last chunk tells the client.
            guard !writer.hasBegun else { return .close }
            return try await send(.failure(fault), to: head, on: connection)
        }
    }

    private func sendHijack(_ hijack: Hijack, to head: RequestHead, on connection: Connection) async throws {
        do {
            let upgrades = head.wantsUpgrade
            var bytes = ResponseHead(upgrades ? 101 : 200, [("Content-Type", upgrades ? hijack.contentType : MediaTypes.rawStream)])
            if upgrades { bytes.headers += [("Connection", "Upgrade"), ("Upgrade", "tcp")] }
            try await connection.channel.writeAndFlush(ByteBuffer(bytes: bytes.bytes))
            if let backlog = hijack.backlog {
                for try await chunk in backlog { try await connection.channel.writeAndFlush(ByteBuffer(bytes: chunk)) }
            }
        } catch {
            hijack.source.abandon()
            throw error
        }
        guard let stream = await hijack.source.take() else { throw ChannelError.eof }
        try await connection.startRelay(stream, detachKeys: hijack.detachKeys)
    }

    private func complete(_ responseHead: ResponseHead, _ head: RequestHead) -> ResponseHead {
        var responseHead = responseHead
        responseHead.headers = commonHeaders + responseHead.headers
        if !head.keepsAlive { responseHead.headers.append(("Connection", "close")) }
        return responseHead
    }
}

/// What streams of processes are called.
enum MediaTypes {
    /// Bytes as they come.
    static let rawStream = "application/vnd.docker.raw-stream"
    /// Docker's frames.
    static let multiplexedStream = "application/vnd.docker.multiplexed-stream"
}

/// Who may ask over TCP.
enum RemoteAccess {
    private static let hosts: Set<String> = ["localhost", "127.0.0.1", "[::1]"]

    /// Refuses what a page in a browser may have caused: an Origin, or a Host that is not this machine's.
    /// - Throws: `forbidden`.
    static func check(_ head: RequestHead) throws(Fault) {
        if head.header("origin") != nil { throw Fault(.forbidden, "requests with an Origin header are refused") }
        let host = head.header("host") ?? ""
        let name = host.hasPrefix("[") ? String(host.prefix { $0 != "]" }) + "]" : String(host.prefix { $0 != ":" })
        guard hosts.contains(name.lowercased()) else {
            throw Fault(.forbidden, "the Host header names another machine: \"\(host)\"")
        }
    }
}
