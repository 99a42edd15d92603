// /images: decode, call, encode. Archives go in as streams, progress comes out as one.
import EngineAPI
import Faults
import Images
import OCISpec

extension Routes {
    static func images(_ services: Services) -> [Route] {
        let images = services.images
        return [
            Route("GET /images/json") { request throws(Fault) in
                let summaries = try await images.list(
                    all: request.query.bool("all"), filters: try request.filters(), sharedSize: request.query.bool("shared-size"))
                return try .json(summaries.map { forVersion($0, request.version) })
            },
            Route("POST /images/load") { request throws(Fault) in try load(request, images) },
            Route("POST /images/create") { request throws(Fault) in try create(request, images) },
            Route("POST /images/prune") { request throws(Fault) in try .json(try await images.prune(filters: try request.filters())) },
            Route("GET /images/{name...}/json") { request throws(Fault) in
                var image = try await images.inspect(request.parameter("name"))
                if request.version >= virtualSizeUntil { image.virtualSize = nil }
                return try .json(image)
            },
            Route("GET /images/{name...}/history") { request throws(Fault) in
                try .json(try await images.history(request.parameter("name")))
            },
            Route("POST /images/{name...}/tag") { request throws(Fault) in
                try await images.tag(
                    request.parameter("name"), repository: request.query.string("repo") ?? "", tag: request.query.text("tag"))
                return .empty(201)
            },
            Route("POST /images/{name...}/push") { _ throws(Fault) in throw registriesComeLater },
            Route("DELETE /images/{name...}") { request throws(Fault) in
                try .json(
                    try await images.remove(
                        request.parameter("name"), force: request.query.bool("force"), prune: !request.query.bool("noprune")))
            },
        ]
    }

    /// Clients of this version and newer do not get the virtual size any more.
    private static let virtualSizeUntil = APIVersion(1, 44)

    private static let registriesComeLater = Fault(
        .unsupported, "registries are not served yet: load an archive (docker load) or import one (docker import)")

    private static func forVersion(_ summary: ImageSummary, _ version: APIVersion) -> ImageSummary {
        var summary = summary
        if version >= virtualSizeUntil { summary.virtualSize = nil }
        return summary
    }

    private static func load(_ request: Request, _ images: ImageService) throws(Fault) -> Response {
        let platform = try platform(request)
        let quiet = request.query.bool("quiet")
        return progress { report throws(Fault) in
            try await images.load(
                body: { try await request.body.nextBytes() }, platform: platform, quiet: quiet, progress: report)
        }
    }

    private static func create(_ request: Request, _ images: ImageService) throws(Fault) -> Response {
        if let name = request.query.text("fromImage") {
            throw Fault(.unsupported, "cannot pull \(name): \(registriesComeLater.reason)")
        }
        guard let source = request.query.text("fromSrc") else { throw Fault(.invalidArgument, "one of fromImage and fromSrc is needed") }
        guard source == "-" else { throw Fault(.unsupported, "import from a URL is not served: send the archive as the body") }
        let wanted = try importRequest(request)
        return progress { report throws(Fault) in
            _ = try await images.importTar(body: { try await request.body.nextBytes() }, request: wanted, progress: report)
        }
    }

    private static func importRequest(_ request: Request) throws(Fault) -> ImportRequest {
        var wanted = ImportRequest()
        wanted.repository = request.query.string("repo") ?? ""
        wanted.tag = request.query.string("tag") ?? ""
        wanted.message = request.query.string("message") ?? ""
        wanted.changes = request.query.strings("changes")
        wanted.platform = try platform(request)
        return wanted
    }

    /// `linux/amd64`, or from newer clients an object of its parts.
    private static func platform(_ request: Request) throws(Fault) -> Platform? {
        guard let text = request.query.text("platform") else { return nil }
        if text.hasPrefix("{") { return try JSON.decode(Platform.self, from: Array(text.utf8)) }
        return try Platform(parsing: text)
    }

    /// Runs `work` with its messages as the answer. An error before the first message gets a status
    /// of its own; a later one is the last message, where clients look for it.
    private static func progress(
        _ work: @escaping @Sendable (_ report: @escaping @Sendable (JSONMessage) async -> Void) async throws(Fault) -> Void
    ) -> Response {
        .stream(ResponseHead(200, [("Content-Type", "application/json")])) { writer in
            do throws(Fault) {
                try await work { message in
                    // The client has gone: its body ends too, and the work with it.
                    try? await writer.write(line: message)
                }
            } catch {
                guard writer.hasBegun else { throw error }
                try await writer.write(line: JSONMessage.failure(error.description, code: error.kind.httpStatus))
            }
        }
    }
}
