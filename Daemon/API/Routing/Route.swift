// Route owns how a path is matched: literal segments, `{name}` for one segment, `{name...}` for one
// or more (image names have slashes).
import Faults

/// One line of the table of routes.
struct Route: Sendable {
    /// Answers a request; faults become answers of their own.
    typealias Handler = @Sendable (Request) async throws(Fault) -> Response

    private enum Segment: Sendable {
        case literal(String)
        case one(String)
        case many(String)
    }

    /// The method.
    let method: String
    /// What is done.
    let handler: Handler
    private let segments: [Segment]

    /// `GET /containers/{id}/json` and what it does.
    init(_ pattern: String, _ handler: @escaping Handler) {
        let parts = pattern.split(separator: " ")
        precondition(parts.count == 2, "a route is a method and a path")
        method = String(parts[0])
        segments = parts[1].split(separator: "/").map { part in
            guard part.hasPrefix("{") else { return .literal(String(part)) }
            let name = part.dropFirst().dropLast()
            return name.hasSuffix("...") ? .many(String(name.dropLast(3))) : .one(String(name))
        }
        self.handler = handler
    }

    /// What the placeholders stand for; nil when the path is another one.
    func match(_ path: [String]) -> [String: String]? {
        var parameters: [String: String] = [:]
        var index = 0
        for (position, segment) in segments.enumerated() {
            guard index < path.count else { return nil }
            switch segment {
            case .literal(let text):
                guard path[index] == text else { return nil }
                index += 1
            case .one(let name):
                guard !path[index].isEmpty else { return nil }
                parameters[name] = path[index]
                index += 1
            case .many(let name):
                let count = path.count - index - (segments.count - position - 1)
                guard count >= 1 else { return nil }
                parameters[name] = path[index..<index + count].joined(separator: "/")
                index += count
            }
        }
        return index == path.count ? parameters : nil
    }
}
