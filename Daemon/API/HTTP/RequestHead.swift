// RequestHead owns what a request says before its body; the parser makes it, nothing changes it.

/// Method, target and headers of one request.
struct RequestHead: Sendable, Equatable {
    /// How the body's end is found.
    enum BodyFraming: Sendable, Equatable {
        case none
        case length(Int)
        case chunked
    }

    /// The method, as sent.
    var method: String
    /// Path and query, as sent.
    var target: String
    /// Minor version of HTTP/1.
    var minorVersion: Int
    /// Names in lower case, values without surrounding space, in the order sent.
    var headers: [Header] = []
    /// How the body's end is found.
    var framing = BodyFraming.none

    /// One header.
    struct Header: Sendable, Equatable {
        var name: String
        var value: String
    }

    /// The first header with this (lower case) name.
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// Whether a header that is a list of tokens has this one.
    func hasToken(_ token: String, in name: String) -> Bool {
        headers.contains { header in
            header.name == name
                && header.value.split(separator: ",").contains { trimmed($0).lowercased() == token }
        }
    }

    /// Whether another request may follow on the connection.
    var keepsAlive: Bool {
        if hasToken("close", in: "connection") { return false }
        return minorVersion >= 1 || hasToken("keep-alive", in: "connection")
    }

    /// Whether the client asks to take the connection over.
    var wantsUpgrade: Bool { header("upgrade") != nil && hasToken("upgrade", in: "connection") }

    /// Whether the client waits for leave to send the body.
    var expectsContinue: Bool { header("expect")?.lowercased() == "100-continue" && minorVersion >= 1 }

    private func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
