import Testing

@testable import CLICore

@Suite struct HTTPTests {
    private func decode(_ length: BodyDecoder.Length, _ text: String, step: Int) throws -> (String, rest: String, complete: Bool) {
        var decoder = BodyDecoder(length)
        var payload: [UInt8] = []
        let bytes = Array(text.utf8)
        var at = 0
        while at < bytes.count, !decoder.isComplete {
            let end = min(bytes.count, at + step)
            let (piece, consumed) = try decoder.decode(bytes[at..<end])
            payload += piece
            at += consumed
        }
        return (String(decoding: payload, as: UTF8.self), String(decoding: bytes[at...], as: UTF8.self), decoder.isComplete)
    }

    @Test("a chunked body comes out whole in pieces of any size", arguments: [1, 2, 3, 7, 100])
    func chunked(step: Int) throws {
        let wire = "5\r\nhello\r\n1;name=x\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nHTTP/1.1 next"
        let (text, rest, complete) = try decode(.chunked, wire, step: step)
        #expect(text == "hello 0123456789" && rest == "HTTP/1.1 next" && complete)
    }

    @Test("a body of known length ends there", arguments: [1, 3, 100])
    func fixed(step: Int) throws {
        let (text, rest, complete) = try decode(.fixed(5), "helloHTTP", step: step)
        #expect(text == "hello" && rest == "HTTP" && complete)
        #expect(BodyDecoder(.fixed(0)).isComplete)
    }

    @Test("a body without a length ends with the connection") func untilClose() throws {
        let (text, _, complete) = try decode(.untilClose, "all of it", step: 4)
        #expect(text == "all of it" && !complete)
        var decoder = BodyDecoder(.chunked)
        _ = try decoder.decode(Array("5\r\nhel".utf8)[...])
        #expect(!decoder.mayEnd && BodyDecoder(.untilClose).mayEnd)
    }

    @Test("malformed chunks are refused", arguments: ["x\r\n", "-1\r\n", "\r\n", "2\r\nabcd\r\n", String(repeating: "1", count: 2000)])
    func malformed(wire: String) { #expect(reason { _ = try self.decode(.chunked, wire, step: 64) } == "the daemon's answer has a malformed chunk") }

    @Test("a head ends at its empty line") func headEnd() {
        #expect(ResponseHead.end(in: Array("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody".utf8)) == 25)
        #expect(ResponseHead.end(in: Array("HTTP/1.1 200 OK\r\n\r".utf8)) == nil)
        #expect(ResponseHead.end(in: Array("\r\r\n\r\n".utf8)) == 5)
    }

    @Test("a head is read") func head() throws {
        let head = try ResponseHead(parsing: "HTTP/1.1 201 Created\r\nContent-Length:  12 \r\nApi-Version: 1.47\r\n\r\n".utf8)
        #expect(head.status == 201 && head.header("api-version") == "1.47")
        #expect(reason { _ = try ResponseHead(parsing: "SSH-2.0\r\n\r\n".utf8) } == "the daemon's answer is not HTTP")
    }

    @Test("how long a body is follows from its head") func length() throws {
        func length(_ headers: String, status: Int = 200, method: String = "GET") throws -> BodyDecoder.Length {
            try ResponseHead(parsing: "HTTP/1.1 \(status) x\r\n\(headers)\r\n".utf8).bodyLength(method: method)
        }
        #expect(try length("Content-Length: 5\r\n") == .fixed(5))
        #expect(try length("Content-Length: 5\r\n", method: "HEAD") == .fixed(0))
        #expect(try length("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") == .chunked)
        #expect(try length("") == .untilClose)
        #expect(try length("Content-Length: 5\r\n", status: 204) == .fixed(0))
        #expect(reason { _ = try length("Content-Length: -5\r\n") } != nil)
    }

    @Test("a request says what it carries") func request() {
        var request = Request("POST", "/containers/x/attach", query: [("stream", "1"), ("detachKeys", "ctrl-a,b c")])
        request.hijacks = true
        let head = String(decoding: request.head(prefix: "/v1.47", host: "h"), as: UTF8.self)
        #expect(head.hasPrefix("POST /v1.47/containers/x/attach?stream=1&detachKeys=ctrl-a%2Cb%20c HTTP/1.1\r\nHost: h\r\n"))
        #expect(head.contains("\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"))
        #expect(percentEncoded("a/b ü") == "a%2Fb%20%C3%BC")
    }

    static let endpoints: [(String, Endpoint.Address, String)] = [
        ("unix:///run/x.sock", .unix(path: "/run/x.sock"), "unix:///run/x.sock"), ("/run/x.sock", .unix(path: "/run/x.sock"), "unix:///run/x.sock"),
        ("tcp://1.2.3.4:5", .tcp(host: "1.2.3.4", port: 5), "tcp://1.2.3.4:5"), ("tcp://[::1]:5", .tcp(host: "::1", port: 5), "tcp://[::1]:5"),
        ("tcp://host", .tcp(host: "host", port: 2375), "tcp://host"), ("host", .tcp(host: "host", port: 2375), "tcp://host:2375"),
        ("tcp://", .tcp(host: "localhost", port: 2375), "tcp://"),
    ]

    @Test("an endpoint is read in docker's spellings", arguments: endpoints)
    func endpoint(text: String, address: Endpoint.Address, description: String) throws {
        let endpoint = try Endpoint(parsing: text)
        #expect(endpoint.address == address && endpoint.description == description)
    }

    @Test("what names no endpoint is refused", arguments: ["foo://bar", "tcp://a:b", "tcp://a:70000", ""])
    func noEndpoint(text: String) { #expect(reason { _ = try Endpoint(parsing: text) } == "invalid bind address format: \(text)") }

    @Test("-H goes before CAIS_HOST, that before DOCKER_HOST, and then what exists") func choice() throws {
        let both = ["CAIS_HOST": "unix:///c", "DOCKER_HOST": "unix:///d"]
        func choose(_ flags: [String], _ environment: [String: String], _ existing: Set<String> = []) throws -> String {
            try Endpoint.choose(flags: flags, environment: { environment[$0] }, exists: { existing.contains($0) }).description
        }
        #expect(try choose(["unix:///f"], both) == "unix:///f")
        #expect(try choose([], both) == "unix:///c")
        #expect(try choose([], ["DOCKER_HOST": "unix:///d", "CAIS_HOST": ""]) == "unix:///d")
        #expect(try choose([], [:], [Endpoint.dockerSocket]) == "unix:///var/run/docker.sock")
        #expect(try choose([], [:], [Endpoint.dockerSocket, Endpoint.caisSocket]) == "unix:///run/cais/cais.sock")
        #expect(try choose([], [:]) == "unix:///run/cais/cais.sock")
        #expect(reason { _ = try choose(["a", "b"], [:]) } == "specify only one -H")
    }
}
