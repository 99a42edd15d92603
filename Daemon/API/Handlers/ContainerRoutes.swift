// /containers: decode, call, encode.
import Containers
import EngineAPI
import Faults

extension Routes {
    static func containers(_ services: Services) -> [Route] {
        let containers = services.containers
        return [
            Route("GET /containers/json") { request throws(Fault) in
                let limit = try request.query.integer("limit")
                return try .json(
                    try await containers.list(
                        all: request.query.bool("all"), limit: limit.flatMap { $0 > 0 ? $0 : nil },
                        size: request.query.bool("size"), filters: try request.filters()))
            },
            Route("POST /containers/create") { request throws(Fault) in
                let body = try await request.document(ContainerCreateRequest.self)
                let created = try await containers.create(
                    name: request.query.text("name"), platform: request.query.text("platform"), request: body)
                return try .json(created, status: 201)
            },
            Route("POST /containers/prune") { request throws(Fault) in try .json(try await containers.prune(filters: try request.filters())) },
            Route("GET /containers/{id}/json") { request throws(Fault) in
                try .json(try await containers.inspect(request.parameter("id"), size: request.query.bool("size")))
            },
            Route("POST /containers/{id}/start") { request throws(Fault) in
                try await containers.start(request.parameter("id"))
                return .empty()
            },
            Route("POST /containers/{id}/stop") { request throws(Fault) in
                try await containers.stop(
                    request.parameter("id"), timeoutSeconds: try request.query.integer("t"), signal: request.query.text("signal"))
                return .empty()
            },
            Route("POST /containers/{id}/restart") { request throws(Fault) in
                try await containers.restart(
                    request.parameter("id"), timeoutSeconds: try request.query.integer("t"), signal: request.query.text("signal"))
                return .empty()
            },
            Route("POST /containers/{id}/kill") { request throws(Fault) in
                try await containers.kill(request.parameter("id"), signal: request.query.text("signal"))
                return .empty()
            },
            Route("POST /containers/{id}/rename") { request throws(Fault) in
                try await containers.rename(request.parameter("id"), to: request.query.string("name") ?? "")
                return .empty()
            },
            Route("POST /containers/{id}/resize") { request throws(Fault) in
                let size = try WindowSize(request.query)
                try await containers.resize(request.parameter("id"), height: size.height, width: size.width)
                return .empty(200)
            },
            Route("POST /containers/{id}/wait") { request throws(Fault) in try await wait(request, containers) },
            Route("DELETE /containers/{id}") { request throws(Fault) in
                if request.query.bool("link") { throw Fault(.unsupported, "links are not supported") }
                try await containers.remove(
                    request.parameter("id"), force: request.query.bool("force"), volumes: request.query.bool("v"))
                return .empty()
            },
        ]
    }

    /// The head goes out as soon as the wait is registered: docker's client starts the container
    /// only after it has seen it.
    private static func wait(_ request: Request, _ containers: ContainerService) async throws(Fault) -> Response {
        // Before API 1.30 there was no condition, and the answer came without a head of its own.
        let condition = try WaitCondition(parsing: request.query.string("condition"))
        let ticket = try await containers.wait(request.parameter("id"), condition: condition)
        return .stream(ResponseHead(200, [("Content-Type", "application/json")])) { writer in
            try await writer.begin()
            guard let result = await ticket.result() else { return }
            try await writer.write(line: result)
        }
    }
}

/// Height and width of a terminal.
struct WindowSize: Sendable, Equatable {
    /// Rows.
    let height: Int
    /// Columns.
    let width: Int

    /// Reads `h` and `w`.
    /// - Throws: `invalidArgument` where one is missing, no number or out of range.
    init(_ query: Query) throws(Fault) {
        func read(_ name: String) throws(Fault) -> Int {
            guard let value = try query.integer(name), (0...Int(UInt16.max)).contains(value) else {
                throw Fault(.invalidArgument, "invalid resize \(name == "h" ? "height" : "width") \"\(query.string(name) ?? "")\"")
            }
            return value
        }
        height = try read("h")
        width = try read("w")
    }
}
