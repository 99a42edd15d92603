// The grammar of requests: what comes out, where it stops, and what is refused.
import NIOCore
import Testing

@testable import EngineServer

/// Feeds text in pieces of `size` and collects what comes out.
private func parse(_ text: String, size: Int = .max) throws -> (heads: [RequestHead], body: String, ended: Bool, rest: String) {
    var parser = RequestParser()
    var heads: [RequestHead] = []
    var body = ""
    var ended = false
    let bytes = Array(text.utf8)
    var offset = 0
    while offset < bytes.count {
        let end = size > bytes.count ? bytes.count : min(offset + size, bytes.count)
        parser.append(ByteBuffer(bytes: bytes[offset..<end]))
        offset = end
        while let event = try parser.next() {
            switch event {
            case .head(let head): heads.append(head)
            case .body(let piece): body += String(buffer: piece)
            case .end: ended = true
            }
        }
    }
    return (heads, body, ended, String(buffer: parser.takeRest()))
}

@Suite("request parser")
struct ParserTests {
    @Test("a request comes out the same in pieces of any size", arguments: [1, 2, 3, 7, 64, 1000])
    func pieces(_ size: Int) throws {
        let text = "POST /v1.41/x?a=b HTTP/1.1\r\nHost: docker\r\nContent-Type:  text/plain \r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\nrest of the stream"
        let found = try parse(text, size: size)
        #expect(found.heads.count == 1)
        #expect(found.heads[0].method == "POST")
        #expect(found.heads[0].target == "/v1.41/x?a=b")
        #expect(found.heads[0].header("content-type") == "text/plain")
        #expect(found.body == "hello world")
        #expect(found.ended)
        #expect(found.rest == "rest of the stream")
    }

    @Test("nothing behind a request is looked at before the parser is told to go on")
    func gate() throws {
        var parser = RequestParser()
        parser.append(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\n\r\n\u{0}\u{1}raw bytes, no request"))
        guard case .head? = try parser.next() else { throw RequestRefused(0, "no head") }
        #expect(try parser.next() == .end)
        #expect(try parser.next() == nil)
        #expect(parser.isFinished)
        #expect(parser.bufferedCount == 23)
    }

    @Test("the next request comes after the gate has been opened")
    func keepAlive() throws {
        var parser = RequestParser()
        parser.append(ByteBuffer(string: "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"))
        _ = try parser.next()
        #expect(try parser.next() == .end)
        parser.resume()
        guard case .head(let head)? = try parser.next() else { throw RequestRefused(0, "no head") }
        #expect(head.target == "/2")
    }

    @Test("two readings of one request are refused", arguments: [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET http://x/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("G\u{7f}T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ])
    func refused(_ text: String, _ status: Int) {
        #expect { try parse(text) } throws: { ($0 as? RequestRefused)?.status == status }
    }

    @Test("a malformed chunk is refused", arguments: ["x\r\n", "5\r\nhelloX\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "5 5\r\n", "\r\n"])
    func chunks(_ chunk: String) {
        #expect(throws: RequestRefused.self) {
            try parse("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk)")
        }
    }

    @Test("a head that does not end is refused at its limit")
    func longHead() {
        let long = "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: RequestParser.headBytesMax + 1)
        #expect { try parse(long, size: 4096) } throws: { ($0 as? RequestRefused)?.status == 431 }
        let many = "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: HeadParser.headerCountMax + 1) + "\r\n"
        #expect { try parse(many) } throws: { ($0 as? RequestRefused)?.status == 431 }
    }

    @Test("the connection goes on by the rules of its HTTP version", arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true), ("HTTP/1.1", "Connection: x, Close\r\n", false),
    ])
    func persistence(_ version: String, _ header: String, _ goesOn: Bool) throws {
        #expect(try parse("GET / \(version)\r\nHost: a\r\n\(header)\r\n").heads[0].keepsAlive == goesOn)
    }
}

@Suite("query and answers")
struct QueryTests {
    @Test("parameters are decoded, and the first of a name counts")
    func parameters() throws {
        let query = try Query("a=1&a=2&b=x%20y+z&c&d=%C3%A4")
        #expect(query.string("a") == "1")
        #expect(query.strings("a") == ["1", "2"])
        #expect(query.string("b") == "x y z")
        #expect(query.string("c") == "")
        #expect(query.text("c") == nil)
        #expect(query.string("d") == "ä")
    }

    @Test("booleans are docker's", arguments: [("1", true), ("true", true), ("yes", true), ("0", false), ("false", false), ("no", false), ("none", false), ("", false)])
    func booleans(_ value: String, _ expected: Bool) throws { #expect(try Query("x=\(value)").bool("x") == expected) }

    @Test("broken escapes, NULs and numbers that are none are refused", arguments: ["a=%zz", "a=%2", "a=%00", "a=%ff"])
    func broken(_ text: String) { #expect(throws: (any Error).self) { try Query(Substring(text)) } }

    @Test("no value of a header can end the head")
    func headerInjection() {
        let head = ResponseHead(200, [("X", "a\r\nSet-Cookie: b\r\n\r\nbody")])
        #expect(String(decoding: head.bytes, as: UTF8.self) == "HTTP/1.1 200 OK\r\nX: aSet-Cookie: bbody\r\n\r\n")
    }
}
