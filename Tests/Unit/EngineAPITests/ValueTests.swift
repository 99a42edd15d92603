// IDs, names, versions, filters, sizes, durations, moments, frames.
import EngineAPI
import Faults
import Testing

@Suite("identifiers and versions")
struct IdentifierTests {
    @Test("an ID is 64 lowercase hexadecimal digits")
    func shape() {
        #expect(ContainerID(String(repeating: "a1", count: 32)) != nil)
        #expect(ContainerID(String(repeating: "A1", count: 32)) == nil)
        #expect(ContainerID("abc") == nil)
    }

    @Test("an ID whose short form is a number is not handed out")
    func notANumber() {
        var tries = 0
        let id = ContainerID.random {
            tries += 1
            return [UInt8](repeating: tries == 1 ? 0x12 : 0xAB, count: 32)
        }
        #expect(tries == 2)
        #expect(id.short == "abababababab")
    }

    @Test("names follow docker's pattern", arguments: [("web", true), ("a_b.c-1", true), ("a", false), ("-ab", false), ("a b", false), ("ab/c", false), ("", false), ("äb", false)])
    func names(_ name: String, _ valid: Bool) { #expect(ResourceName.isValid(name) == valid) }

    @Test("versions outside of what is served are refused in docker's words")
    func versions() throws {
        try APIVersion(1, 24).requireServed()
        try APIVersion(1, 51).requireServed()
        #expect(APIVersion(1, 9) < APIVersion(1, 24))
        #expect { try APIVersion(1, 99).requireServed() } throws: { "\($0)" == "client version 1.99 is too new. Maximum supported API version is 1.51" }
        #expect { try APIVersion(1, 23).requireServed() } throws: { "\($0)".hasPrefix("client version 1.23 is too old. Minimum supported API version is 1.24") }
        #expect(APIVersion(parsing: "1.x") == nil)
        #expect(APIVersion(parsing: "1.41.2") == nil)
    }
}

@Suite("filters")
struct FilterTests {
    @Test("both encodings are read", arguments: [#"{"label":["a","b=c"]}"#, #"{"label":{"a":true,"b=c":true,"no":false}}"#])
    func encodings(_ text: String) throws {
        #expect(try Filters(parsing: text).get("label").sorted() == ["a", "b=c"])
    }

    @Test("absent and empty are no filters")
    func absent() throws {
        #expect(try Filters(parsing: nil).isEmpty)
        #expect(try Filters(parsing: "").isEmpty)
    }

    @Test("what is no map of values is refused", arguments: ["{broken", "[]", #"{"a":1}"#, "7"])
    func malformed(_ text: String) { #expect(throws: Fault.self) { try Filters(parsing: text) } }

    @Test("labels match by key or by key and value, and all have to")
    func labels() throws {
        let filters = try Filters(parsing: #"{"label":["a","b=c"]}"#)
        #expect(filters.matchesLabels("label", ["a": "1", "b": "c"]))
        #expect(!filters.matchesLabels("label", ["a": "1", "b": "d"]))
        #expect(!filters.matchesLabels("label", nil))
    }

    @Test("text matches anywhere unless it is anchored")
    func text() throws {
        #expect(Filters(["name": ["eb"]]).matchesText("name", "web1"))
        #expect(!Filters(["name": ["^eb"]]).matchesText("name", "web1"))
        #expect(Filters(["name": ["^web1$"]]).matchesText("name", "web1"))
        #expect(!Filters(["name": ["longer than the name"]]).matchesText("name", "web1"))
    }

    @Test("unknown filters are named")
    func unknown() {
        #expect { try Filters(["nonsense": ["x"]]).requireOnly(["name"]) } throws: { "\($0)" == "invalid filter 'nonsense'" }
    }

    @Test("filters go out as they came in")
    func encoded() throws {
        #expect(try Filters(["a": ["1", "2"]]).encoded() == #"{"a":["1","2"]}"#)
    }
}

@Suite("quantities and moments")
struct QuantityTests {
    @Test("sizes have units of 1024", arguments: [("512", 512), ("64m", 64 << 20), ("1.5g", 3 << 29), ("10MB", 10 << 20), ("1GiB", 1 << 30), ("2 kb", 2048), ("0", 0)])
    func sizes(_ text: String, _ bytes: Int64) throws { #expect(try ByteSize.parse(text) == bytes) }

    @Test("what is no size is refused", arguments: ["", "m", "-1", "1x", "1mm", "1.2.3", "99999999999999999999"])
    func notSizes(_ text: String) { #expect(throws: Fault.self) { try ByteSize.parse(text) } }

    @Test("sizes are printed as docker prints them", arguments: [(0, "0B"), (999, "999B"), (1000, "1kB"), (1_980_000, "1.98MB"), (77_850_000, "77.85MB"), (1_234_567_890, "1.235GB")])
    func printed(_ bytes: Int64, _ text: String) { #expect(ByteSize.describe(bytes) == text) }

    @Test("durations follow Go's grammar", arguments: [("1h30m", 5_400_000_000_000), ("1.5s", 1_500_000_000), ("300ms", 300_000_000), ("0", 0), ("-2m", -120_000_000_000), ("10us", 10_000)])
    func durations(_ text: String, _ nanoseconds: Int64) throws { #expect(try GoDuration.nanoseconds(text) == nanoseconds) }

    @Test("what is no duration is refused", arguments: ["", "5", "h", "1x", "1h-2m", "-"])
    func notDurations(_ text: String) { #expect(throws: Fault.self) { try GoDuration.nanoseconds(text) } }

    @Test("moments are read in every form that clients send", arguments: [
        ("1136073600.000000001", 1_136_073_600, 1), ("1136073600", 1_136_073_600, 0), ("2006-01-01T00:00:00Z", 1_136_073_600, 0),
        ("2006-01-01T01:30:00+01:30", 1_136_073_600, 0), ("2006-01-01", 1_136_073_600, 0), ("2006-01-01T00:00:00.5", 1_136_073_600, 500_000_000),
        ("1969-12-31T23:59:59.25Z", -1, 250_000_000), ("2024-02-29T12:00:00Z", 1_709_208_000, 0),
    ])
    func read(_ text: String, _ seconds: Int64, _ nanosecond: Int32) throws {
        #expect(try Timestamp(parsing: text) == Timestamp(seconds: seconds, nanosecond: nanosecond))
    }

    @Test("what is no moment is refused", arguments: ["", "yesterday", "2006-13-01", "2006-01-01T25:00:00Z", "1.x", "2006-01-01T00:00:00Zx"])
    func notMoments(_ text: String) { #expect(throws: Fault.self) { try Timestamp(parsing: text) } }

    @Test("moments are printed without the zeros of their fraction, or with all nine digits")
    func printedMoments() {
        #expect(Timestamp(seconds: 1_136_073_600, nanosecond: 500_000_000).description == "2006-01-01T00:00:00.5Z")
        #expect(Timestamp(seconds: 1_136_073_600).description == "2006-01-01T00:00:00Z")
        #expect(Timestamp(seconds: 1_136_073_600, nanosecond: 5).padded == "2006-01-01T00:00:00.000000005Z")
        #expect(Timestamp(seconds: -62_135_596_800).description == Timestamp.neverText)
    }

    @Test("a printed moment is read back as itself", arguments: [0, 1, 951_782_399, 951_782_400, 4_102_444_800, -86_401])
    func roundTrip(_ seconds: Int64) throws {
        let moment = Timestamp(seconds: seconds, nanosecond: 123_456_789)
        #expect(try Timestamp(parsing: moment.description) == moment)
        #expect(Timestamp(nanoseconds: moment.nanoseconds) == moment)
    }
}

@Suite("stream framing")
struct FramingTests {
    @Test("frames come apart however the bytes arrive", arguments: 1...20)
    func anyPieces(_ size: Int) throws {
        let bytes = StreamFraming.frame(.stdout, Array("hello".utf8)) + StreamFraming.frame(.stderr, []) + StreamFraming.frame(.stderr, Array("oh".utf8))
        var demultiplexer = StreamDemultiplexer()
        var out = ""
        var errors = ""
        for start in stride(from: 0, to: bytes.count, by: size) {
            try Array(bytes[start..<min(start + size, bytes.count)]).withUnsafeBytes { piece in
                try demultiplexer.push(piece) { stream, payload in
                    if stream == .stdout { out += String(decoding: payload, as: UTF8.self) } else { errors += String(decoding: payload, as: UTF8.self) }
                }
            }
        }
        #expect(out == "hello")
        #expect(errors == "oh")
        #expect(demultiplexer.isAtBorder)
    }

    @Test("a header that names no stream is an error")
    func unknownStream() {
        var demultiplexer = StreamDemultiplexer()
        #expect(throws: Fault.self) {
            try [UInt8]([9, 0, 0, 0, 0, 0, 0, 1, 65]).withUnsafeBytes { try demultiplexer.push($0) { _, _ in } }
        }
    }
}
