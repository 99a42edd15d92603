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
        let launch = try await containers.execPrepare(id, request: options)
        if options.detach {
            _ = try await launch.run()
            return .empty(200)
        }
        let tty = exec.processConfig.tty
        return .hijack(
            Hijack(
                source: .afterHead { await stream(of: launch, tty: tty, forwardsInput: exec.openStdin) }, backlog: nil,
                contentType: contentType(tty: tty, request.version), detachKeys: tty ? keys : nil))
    }

    /// Starts an exec. Who attaches learns from the stream why it cannot be started, and from the exec's
    /// exit code (126, 127) how a shell would put it; docker's client looks for both there.
    private static func stream(of launch: ExecLaunch, tty: Bool, forwardsInput: Bool) async -> ProcessStream? {
        do throws(Fault) {
            guard let session = try await launch.run() else { return nil }
            return ProcessStream(descriptor: session.takeStream(), forwardsInput: forwardsInput)
        } catch {
            let words = Array("\(error)\r\n".utf8)
            return lastWords(tty ? words : StreamFraming.frame(.stdout, words))
        }
    }

    /// A stream of these bytes and their end, which takes nothing; nil where no socket can be had.
    private static func lastWords(_ bytes: [UInt8]) -> ProcessStream? {
        do throws(Errno) {
            let ends = try UnixSocket.pair().split()
            let theirs = FileDescriptor(owning: ends.right)
            let mine = FileDescriptor(owning: ends.left)
            try theirs.writeAll(bytes)
            return ProcessStream(descriptor: mine.release(), forwardsInput: false)
        } catch { return nil }  // the connection is closed then, which is all that can still be said
    }
}

/// The answer to a new exec.
private struct ExecCreated: Encodable {
    let id: String

    enum CodingKeys: String, CodingKey { case id = "Id" }
}
