// /containers/{id}/attach and /logs: what flows.
import Containers
import EngineAPI
import Faults

extension Routes {
    /// From this version on, clients are told of docker's frames in the content type.
    static let multiplexedSince = APIVersion(1, 42)

    static func containerStreams(_ services: Services) -> [Route] {
        let containers = services.containers
        return [
            Route("POST /containers/{id}/attach") { request throws(Fault) in try await attach(request, containers) },
            Route("GET /containers/{id}/logs") { request throws(Fault) in try await logs(request, containers) },
        ]
    }

    private static func attach(_ request: Request, _ containers: ContainerService) async throws(Fault) -> Response {
        let query = request.query
        let keys = try DetachKeys(parsing: query.string("detachKeys"))
        let options = AttachOptions(
            stdin: query.bool("stdin"), stdout: query.bool("stdout"), stderr: query.bool("stderr"), stream: query.bool("stream"),
            logs: query.bool("logs"))
        // What is behind the request is the stream: its own body, if any, is read first.
        _ = try await request.body.collect(limit: Request.documentBytesMax)
        let session = try await containers.attach(request.parameter("id"), options: options)
        return hijack(session, request: request, forwardsInput: options.stdin, keys: keys)
    }

    static func hijack(_ session: consuming AttachSession, request: Request, forwardsInput: Bool, keys: DetachKeys) -> Response {
        let tty = session.tty
        let backlog = session.backlog
        return .hijack(
            Hijack(
                source: .open(ProcessStream(descriptor: session.takeStream(), forwardsInput: forwardsInput)), backlog: backlog,
                contentType: contentType(tty: tty, request.version), detachKeys: tty ? keys : nil))
    }

    private static func logs(_ request: Request, _ containers: ContainerService) async throws(Fault) -> Response {
        let query = request.query
        guard query.bool("stdout") || query.bool("stderr") else {
            throw Fault(.invalidArgument, "Bad parameters: you must choose at least one stream")
        }
        let options = LogOptions(
            follow: query.bool("follow"), stdout: query.bool("stdout"), stderr: query.bool("stderr"),
            since: try moment("since", query), until: try moment("until", query), timestamps: query.bool("timestamps"),
            tail: try tail(query))
        let (tty, chunks) = try await containers.logs(request.parameter("id"), options: options)
        return .stream(ResponseHead(200, [("Content-Type", contentType(tty: tty, request.version))])) { writer in
            try await writer.begin()
            for try await chunk in chunks { try await writer.write(chunk) }
        }
    }

    static func contentType(tty: Bool, _ version: APIVersion) -> String {
        tty || version < multiplexedSince ? MediaTypes.rawStream : MediaTypes.multiplexedStream
    }

    /// Absent, empty and 0 are no bound.
    private static func moment(_ name: String, _ query: Query) throws(Fault) -> Timestamp? {
        guard let text = query.text(name), text != "0" else { return nil }
        return try Timestamp(parsing: text)
    }

    /// Lines from the end; nil is all of them, and so is what is no number, as with docker.
    private static func tail(_ query: Query) throws(Fault) -> Int? {
        guard let text = query.text("tail"), text != "all", let count = Int(text), count >= 0 else { return nil }
        return count
    }
}
