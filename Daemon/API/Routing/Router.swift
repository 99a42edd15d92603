// Router owns the way from a request's target to its handler: version prefix, table of routes, and
// docker's words for what is not there.
import EngineAPI
import Faults

/// Finds the handler of a request.
struct Router: Sendable {
    /// A handler found, with what it needs to know of the target.
    struct Match: Sendable {
        let handler: Route.Handler
        let parameters: [String: String]
        let query: Query
        let version: APIVersion
    }

    private let routes: [Route]

    /// A router over this table; the first match counts.
    init(_ routes: [Route]) { self.routes = routes }

    /// The handler for a request.
    /// - Throws: `notFound` for a path or method that is not served, `invalidArgument` for a version
    ///   that is not served or a malformed target.
    func match(method: String, target: String) throws(Fault) -> Match {
        let path = target.prefix { $0 != "?" }
        let query = try Query(path.count < target.count ? target.dropFirst(path.count + 1) : nil)
        var segments: [String] = []
        for part in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            segments.append(try Percent.decode(part, plusIsSpace: false))
        }
        let named = segments.first.flatMap(Self.versionText)
        if named != nil { segments.removeFirst() }
        for route in routes where route.method == method {
            guard let parameters = route.match(segments) else { continue }
            return Match(handler: route.handler, parameters: parameters, query: query, version: try Self.version(named))
        }
        throw Fault(.notFound, "page not found")
    }

    /// The text behind the v of a first segment such as `v1.41`.
    private static func versionText(_ segment: String) -> String? {
        let text = segment.dropFirst()
        guard segment.hasPrefix("v"), !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2E }) else { return nil }
        return String(text)
    }

    private static func version(_ text: String?) throws(Fault) -> APIVersion {
        guard let text else { return .current }
        guard let version = APIVersion(parsing: text) else { throw Fault(.invalidArgument, "invalid API version \"\(text)\"") }
        try version.requireServed()
        return version
    }
}
