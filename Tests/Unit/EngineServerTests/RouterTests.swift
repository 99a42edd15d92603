// From a target to a handler.
import EngineAPI
import Faults
import Testing

@testable import EngineServer

private let router = Router([
    Route("GET /_ping") { _ throws(Fault) in .empty(200) },
    Route("GET /images/{name...}/json") { _ throws(Fault) in .empty(200) },
    Route("DELETE /images/{name...}") { _ throws(Fault) in .empty(200) },
    Route("POST /containers/{id}/start") { _ throws(Fault) in .empty() },
])

private func status(_ method: String, _ target: String) -> Int {
    do throws(Fault) {
        _ = try router.match(method: method, target: target)
        return 200
    } catch { return error.kind.httpStatus }
}

@Suite("router")
struct RouterTests {
    @Test("targets find their route or their refusal", arguments: [
        ("GET", "/_ping", 200), ("GET", "/v1.24/_ping", 200), ("GET", "/v1.51/_ping", 200), ("GET", "/v1.52/_ping", 400),
        ("GET", "/v1.23/_ping", 400), ("GET", "/v1/_ping", 400), ("GET", "/v1.2.3/_ping", 400), ("POST", "/_ping", 404),
        ("GET", "/_ping/", 404), ("GET", "/v1.51/nothing", 404), ("GET", "/", 404), ("GET", "*", 404),
        ("POST", "/containers//start", 404), ("POST", "/containers/a/b/start", 404), ("GET", "/images/json", 404),
        ("GET", "/_ping?a=%zz", 400),
    ])
    func statuses(_ method: String, _ target: String, _ expected: Int) { #expect(status(method, target) == expected) }

    @Test("image names keep their slashes")
    func imageNames() throws {
        #expect(try router.match(method: "GET", target: "/v1.41/images/docker.io/library/x:1/json").parameters["name"] == "docker.io/library/x:1")
        #expect(try router.match(method: "DELETE", target: "/images/a%2Fb").parameters["name"] == "a/b")
    }

    @Test("without a version in the target it is the newest")
    func version() throws {
        #expect(try router.match(method: "GET", target: "/_ping").version == .current)
        #expect(try router.match(method: "GET", target: "/v1.30/_ping").version == APIVersion(1, 30))
    }
}

@Suite("who may ask")
struct AccessTests {
    @Test("plain TCP needs its flag and a loopback address")
    func plainTCP() throws {
        #expect(try ListenAddress(parsing: "tcp://127.0.0.1:2375", plainTCPAllowed: true) == .tcp(host: "127.0.0.1", port: 2375))
        #expect { try ListenAddress(parsing: "tcp://127.0.0.1:2375", plainTCPAllowed: false) } throws: { "\($0)".contains("--tlsverify=false") }
        #expect(throws: Fault.self) { try ListenAddress(parsing: "tcp://0.0.0.0:2375", plainTCPAllowed: true) }
        #expect(throws: Fault.self) { try ListenAddress(parsing: "tcp://127.0.0.1", plainTCPAllowed: true) }
    }

    @Test("sockets have absolute paths that fit")
    func paths() throws {
        #expect(try ListenAddress(parsing: "unix:///run/x.sock", plainTCPAllowed: false) == .unix("/run/x.sock"))
        #expect(try ListenAddress(parsing: "/run/x.sock", plainTCPAllowed: false) == .unix("/run/x.sock"))
        #expect(throws: Fault.self) { try ListenAddress(parsing: "unix://run/x.sock", plainTCPAllowed: false) }
        #expect(throws: Fault.self) { try ListenAddress(parsing: "/" + String(repeating: "x", count: 107), plainTCPAllowed: false) }
        #expect(throws: Fault.self) { try ListenAddress(parsing: "fd://", plainTCPAllowed: false) }
    }

    @Test("over TCP, what a browser may have sent is refused", arguments: [
        ([("host", "localhost:2375")], true), ([("host", "127.0.0.1:2375")], true), ([("host", "[::1]:2375")], true),
        ([("host", "evil.example:2375")], false), ([("host", "localhost"), ("origin", "http://localhost")], false), ([], false),
    ])
    func remote(_ headers: [(String, String)], _ admitted: Bool) {
        var head = RequestHead(method: "GET", target: "/", minorVersion: 1)
        head.headers = headers.map { RequestHead.Header(name: $0.0, value: $0.1) }
        let passes = (try? RemoteAccess.check(head)) != nil
        #expect(passes == admitted)
    }
}

@Suite("detach keys")
struct DetachKeysTests {
    @Test("sequences are spelled as docker spells them")
    func spelling() throws {
        #expect(try DetachKeys(parsing: nil).bytes == [16, 17])
        #expect(try DetachKeys(parsing: "").bytes == [16, 17])
        #expect(try DetachKeys(parsing: "ctrl-a,x").bytes == [1, 120])
        #expect(try DetachKeys(parsing: "ctrl-@,ctrl-[,ctrl-_").bytes == [0, 27, 31])
    }

    @Test("what is no key is refused", arguments: ["ctrl-", "ctrl-ab", "abc", "a,,b", "ctrl-1", ","])
    func misspelled(_ text: String) {
        #expect { try DetachKeys(parsing: text) } throws: { "\($0)" == "Invalid detach keys (\(text)) provided" }
    }

    @Test("keys go on byte for byte unless the sequence is complete", arguments: [
        ("hello", "hello", false), ("a\u{10}b", "a\u{10}b", false), ("a\u{10}\u{11}b", "a", true), ("\u{10}\u{10}\u{11}", "\u{10}", true),
        ("x\u{10}", "x", false),
    ])
    func filter(_ typed: String, _ forwarded: String, _ detached: Bool) {
        for size in [1, 2, 100] {
            var filter = DetachKeyFilter(.standard)
            var out: [UInt8] = []
            var found = false
            let bytes = Array(typed.utf8)
            for start in stride(from: 0, to: bytes.count, by: size) where !found {
                let result = filter.push(bytes[start..<min(start + size, bytes.count)])
                out += result.forward
                found = result.detached
            }
            #expect(out == Array(forwarded.utf8))
            #expect(found == detached)
        }
    }

    @Test("a sequence that overlaps itself is found")
    func overlap() throws {
        var filter = DetachKeyFilter(try DetachKeys(parsing: "a,a,b"))
        let result = filter.push(Array("xaaab".utf8))
        #expect(result.forward == Array("xa".utf8))
        #expect(result.detached)
    }

    @Test("held keys are given up at the end")
    func end() {
        var filter = DetachKeyFilter(.standard)
        #expect(filter.push([65, 16]).forward == [65])
        #expect(filter.finish() == [16])
        #expect(filter.finish() == [])
    }
}
