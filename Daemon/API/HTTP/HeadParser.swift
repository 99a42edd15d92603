// HeadParser owns the grammar of a request head (RFC 9112), strictly: what two parsers might read
// in two ways is refused, so that nobody in front of the engine can be made to see another request.

/// Why a request is refused before anybody handles it.
struct RequestRefused: Error, Equatable {
    var status: Int
    var message: String

    init(_ status: Int, _ message: String) {
        self.status = status
        self.message = message
    }
}

/// Reads a head from its bytes, the empty line included or not.
enum HeadParser {
    /// Headers at most.
    static let headerCountMax = 128

    /// The head that these bytes spell.
    /// - Throws: 400 for a malformed head, 501 for a transfer coding that is not served, 505 for another HTTP.
    static func parse(_ bytes: [UInt8]) throws(RequestRefused) -> RequestHead {
        var lines = try split(bytes)[...]
        guard let first = lines.popFirst() else { throw RequestRefused(400, "the request is empty") }
        var head = try requestLine(first)
        guard lines.count <= headerCountMax else { throw RequestRefused(431, "the request has more than \(headerCountMax) headers") }
        for line in lines { head.headers.append(try header(line)) }
        try checkHost(head)
        head.framing = try framing(head)
        return head
    }

    private static func split(_ bytes: [UInt8]) throws(RequestRefused) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        var index = 0
        while index < bytes.count {
            guard bytes[index] == lineFeed else {
                index += 1
                continue
            }
            guard index > start, bytes[index - 1] == carriageReturn else {
                throw RequestRefused(400, "a line of the request ends without a carriage return")
            }
            let line = bytes[start..<index - 1]
            guard !line.contains(carriageReturn) else { throw RequestRefused(400, "a line of the request has a carriage return inside") }
            if !line.isEmpty { lines.append(line) }
            index += 1
            start = index
        }
        return lines
    }

    private static func requestLine(_ line: ArraySlice<UInt8>) throws(RequestRefused) -> RequestHead {
        let parts = line.split(separator: space, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].count <= 16, parts[0].allSatisfy(isToken) else {
            throw RequestRefused(400, "malformed request line")
        }
        guard parts[1].first == UInt8(ascii: "/") || parts[1].elementsEqual("*".utf8),
            parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw RequestRefused(400, "malformed request target") }
        let version = String(decoding: parts[2], as: UTF8.self)
        guard version == "HTTP/1.1" || version == "HTTP/1.0" else {
            throw RequestRefused(version.hasPrefix("HTTP/") ? 505 : 400, "HTTP version not supported")
        }
        return RequestHead(
            method: String(decoding: parts[0], as: UTF8.self), target: String(decoding: parts[1], as: UTF8.self),
            minorVersion: version == "HTTP/1.1" ? 1 : 0)
    }

    private static func header(_ line: ArraySlice<UInt8>) throws(RequestRefused) -> RequestHead.Header {
        // A line that begins with space would continue the one before: obsolete, and refused.
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy(isToken)
        else { throw RequestRefused(400, "malformed header") }
        var value = line[(colon + 1)...].drop { $0 == space || $0 == tab }
        while let last = value.last, last == space || last == tab { value.removeLast() }
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == tab }) else { throw RequestRefused(400, "malformed header value") }
        return RequestHead.Header(
            name: String(decoding: line[..<colon], as: UTF8.self).lowercased(), value: String(decoding: value, as: UTF8.self))
    }

    private static func checkHost(_ head: RequestHead) throws(RequestRefused) {
        let count = head.headers.count { $0.name == "host" }
        guard count <= 1, count == 1 || head.minorVersion == 0 else {
            throw RequestRefused(400, count == 0 ? "missing required Host header" : "too many Host headers")
        }
    }

    private static func framing(_ head: RequestHead) throws(RequestRefused) -> RequestHead.BodyFraming {
        let lengths = head.headers.filter { $0.name == "content-length" }
        let codings = head.headers.filter { $0.name == "transfer-encoding" }
        if !codings.isEmpty {
            guard lengths.isEmpty else { throw RequestRefused(400, "both Content-Length and Transfer-Encoding are given") }
            guard head.minorVersion >= 1 else { throw RequestRefused(400, "Transfer-Encoding needs HTTP/1.1") }
            guard codings.count == 1, codings[0].value.lowercased() == "chunked" else {
                throw RequestRefused(501, "unsupported transfer encoding")
            }
            return .chunked
        }
        guard let first = lengths.first else { return .none }
        guard lengths.count == 1, !first.value.isEmpty, first.value.utf8.count <= 18,
            first.value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let length = Int(first.value)
        else { throw RequestRefused(400, "malformed Content-Length") }
        return length == 0 ? .none : .length(length)
    }

    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")
    private static let tab = UInt8(ascii: "\t")

    /// Whether a byte may stand in a method or in a header's name.
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"),
            UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
            UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
