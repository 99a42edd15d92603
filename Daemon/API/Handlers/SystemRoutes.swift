// /_ping, /version, /info, /events: what the engine says of itself.
import EngineAPI
import Faults

extension Routes {
    static func system(_ services: Services) -> [Route] {
        [
            Route("GET /_ping") { _ in ping },
            Route("HEAD /_ping") { _ in ping },
            Route("GET /version") { _ throws(Fault) in try .json(services.system.systemVersion()) },
            Route("GET /info") { _ throws(Fault) in try .json(services.system.systemInfo(services)) },
            Route("GET /events") { request throws(Fault) in try events(request, services) },
            Route("POST /auth") { _ throws(Fault) in throw Fault(.unsupported, "registries are not served yet") },
        ]
    }

    private static var ping: Response {
        .complete(
            ResponseHead(
                200,
                [
                    ("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-cache, no-store, must-revalidate"),
                    ("Pragma", "no-cache"), ("Swarm", "inactive"),
                ]), body: Array("OK".utf8))
    }

    private static func events(_ request: Request, _ services: Services) throws(Fault) -> Response {
        let since = try moment("since", request)
        let until = try moment("until", request)
        if let since, let until, until < since {
            throw Fault(.invalidArgument, "`since` time (\(since)) cannot be after `until` time (\(until))")
        }
        let filters = try request.filters()
        return .stream(ResponseHead(200, [("Content-Type", "application/json")])) { writer in
            // Subscribed before the head goes out: a client that has the head misses nothing.
            let events = services.events.subscribe(since: since, until: until, filters: filters)
            try await writer.begin()
            for await event in events { try await writer.write(line: event) }
        }
    }

    private static func moment(_ name: String, _ request: Request) throws(Fault) -> Timestamp? {
        guard let text = request.query.text(name) else { return nil }
        return try Timestamp(parsing: text)
    }
}
