import Faults

/// The first line and the headers of an HTTP/1.1 answer.
package struct ResponseHead: Sendable, Hashable {
    /// The status code.
    package let status: Int
    /// Names in lower case with their values, in the order sent.
    package let headers: [Header]

    /// One header.
    package struct Header: Sendable, Hashable {
        /// In lower case.
        package let name: String
        /// Without spaces around it.
        package let value: String
    }

    /// The most bytes a head may have.
    package static let bytesMax = 64 << 10

    /// Where a head ends in `bytes`, its empty line included; nil where it is not complete.
    package static func end(in bytes: some RandomAccessCollection<UInt8>) -> Int? {
        var matched = 0
        let pattern: [UInt8] = [13, 10, 13, 10]
        for (offset, byte) in bytes.enumerated() {
            matched = byte == pattern[matched] ? matched + 1 : (byte == 13 ? 1 : 0)
            if matched == 4 { return offset + 1 }
        }
        return nil
    }

    /// Reads a complete head.
    /// - Throws: `failed` where it is not HTTP/1.
    package init(parsing bytes: some Collection<UInt8>) throws(Fault) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: true)
        let malformed = Fault(.failed, "the daemon's answer is not HTTP")
        guard let first = lines.first else { throw malformed }
        let words = first.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0] == "HTTP/1.1" || words[0] == "HTTP/1.0", words[1].utf8.count == 3, let status = Int(words[1]) else {
            throw malformed
        }
        self.status = status
        var headers: [Header] = []
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else { throw malformed }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers.append(Header(name: line[..<colon].lowercased(), value: String(value)))
        }
        self.headers = headers
    }

    /// The first value of a header, by its name in lower case.
    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// How long the body is, for an answer to `method`.
    /// - Throws: `failed` for a length that is no number.
    package func bodyLength(method: String) throws(Fault) -> BodyDecoder.Length {
        if method == "HEAD" || status == 204 || status == 304 || status < 200 { return .fixed(0) }
        if header("transfer-encoding")?.lowercased().contains("chunked") == true { return .chunked }
        guard let text = header("content-length") else { return .untilClose }
        guard let length = Int(text), length >= 0 else { throw Fault(.failed, "the daemon's answer has no valid length") }
        return .fixed(length)
    }
}
