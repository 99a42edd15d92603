import OCISpec

/// A request to the engine: what to ask for, not yet on which connection.
package struct Request: Sendable {
    /// What is sent as its body.
    package enum Body: Sendable {
        /// Nothing.
        case none
        /// These bytes, as JSON.
        case json([UInt8])
        /// Everything that this open descriptor gives, in chunks; the caller closes it.
        case stream(descriptor: CInt, contentType: String)

        var isStream: Bool { if case .stream = self { true } else { false } }
    }

    /// The method.
    package let method: String
    /// The path below the API version.
    package let path: String
    /// Query parameters, in the order sent.
    package var query: [(name: String, value: String)]
    /// The body.
    package var body: Body
    /// Whether the connection is to become a raw stream.
    package var hijacks = false

    /// A request.
    package init(_ method: String, _ path: String, query: [(name: String, value: String)] = [], body: Body = .none) {
        self.method = method
        self.path = path
        self.query = query
        self.body = body
    }

    /// The request line and headers, up to and including the empty line.
    package func head(prefix: String, host: String) -> [UInt8] {
        var target = prefix + path
        if !query.isEmpty {
            target += "?" + query.map { "\(percentEncoded($0.name))=\(percentEncoded($0.value))" }.joined(separator: "&")
        }
        var lines = ["\(method) \(target) HTTP/1.1", "Host: \(host)", "User-Agent: \(Request.userAgent)"]
        switch body {
        case .none:
            if method == "POST" || method == "PUT" { lines.append("Content-Length: 0") }
            if hijacks { lines.append("Content-Type: text/plain") }
        case .json(let bytes): lines += ["Content-Type: application/json", "Content-Length: \(bytes.count)"]
        case .stream(_, let type): lines += ["Content-Type: \(type)", "Transfer-Encoding: chunked"]
        }
        if hijacks { lines += ["Connection: Upgrade", "Upgrade: tcp"] }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    /// What the client calls itself.
    package static let userAgent = "Cais-Client/\(Product.version) (linux)"
}

/// Keeps the unreserved characters of RFC 3986; everything else becomes %XX.
package func percentEncoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"):
            result.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let digits = String(byte, radix: 16, uppercase: true)
            result += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
        }
    }
    return result
}
