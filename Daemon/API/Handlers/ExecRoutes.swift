// /exec and /containers/{id}/exec: processes added to running containers.
import Containers
import EngineAPI
import Faults
import Linux

extension Routes {
    static func execs(_ services: Services) -> [Route] {
        let containers = services.containers
        return [
            Route("POST /containers/{id}/exec") { request throws(Fault) in
                let body = try await request.document(ExecCreateRequest.self)
                guard let command = body.cmd, !command.isEmpty else { throw Fault(.invalidArgument, "no exec command specified") }
                _ = try DetachKeys(parsing: body.detachKeys)
                let id = try await containers.execCreate(request.parameter("id"), request: body)
                return try .json(ExecCreated(id: id), status: 201)
            },
            Route("POST /exec/{id}/start") { request throws(Fault) in try await start(request, containers) },
            Route("GET /exec/{id}/json") { request throws(Fault) in
                try .json(try await containers.execInspect(request.parameter("id")))
            },
            Route("POST /exec/{id}/resize") { request throws(Fault) in
                let size = try WindowSize(request.query)
                try await containers.execResize(request.parameter("id"), height: size.height, width: size.width)
                return .empty(200)
            },
        ]
    }

    private static func start(_ request: Request, _ containers: ContainerService) async throws(Fault) -> Response {
        let options = try await request.optionalDocument(ExecStartRequest.self) ?? ExecStartRequest()
        let id = request.parameter("id")
        let exec = try await containers.execInspect(id)
        let keys = try DetachKeys(parsing: exec.detachKeys)
        do throws(Fault) {
            guard let session = try await containers.execStart(id, request: options) else { return .empty(200) }
            return hijack(session, request: request, forwardsInput: exec.openStdin, keys: keys)
        } catch {
            // Who attaches learns from the stream that the command cannot be run, and from the exec's
            // exit code (126, 127) how a shell would put it; docker's client looks for both there.
            guard error.kind == .commandNotFound || error.kind == .commandNotExecutable, !options.detach else { throw error }
            return try last(words: "\(error)\r\n", tty: exec.processConfig.tty, request)
        }
    }

    /// A hijack whose stream is a text and its end.
    private static func last(words: String, tty: Bool, _ request: Request) throws(Fault) -> Response {
        let bytes = tty ? Array(words.utf8) : StreamFraming.frame(.stdout, Array(words.utf8))
        do throws(Errno) {
            let ends = try UnixSocket.pair().split()
            let theirs = FileDescriptor(owning: ends.right)
            let mine = FileDescriptor(owning: ends.left)
            try theirs.writeAll(bytes)
            return .hijack(
                Hijack(
                    stream: mine.release(), backlog: nil, contentType: contentType(tty: tty, request.version), forwardsInput: false,
                    detachKeys: nil))
        } catch {
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["make a stream"])
        }
    }
}

/// The answer to a new exec.
private struct ExecCreated: Encodable {
    let id: String

    enum CodingKeys: String, CodingKey { case id = "Id" }
}
