import Faults
import OCISpec
import Testing

/// What is JSON and what is not (RFC 8259), from tables in the manner of the public conformance corpora.
@Suite struct JSONSyntaxTests {
    static func parse(_ text: String, depthMax: Int = 512) throws -> JSONValue {
        try JSON.decode(JSONValue.self, from: Array(text.utf8), limits: JSONLimits(depthMax: depthMax))
    }

    @Test(
        "every kind of value is read",
        arguments: [
            ("null", JSONValue.null), ("true", .bool(true)), (" false\r\n\t ", .bool(false)), ("\"\"", .string("")),
            ("0", .integer(0)), ("-0", .integer(0)), ("-1", .integer(-1)), ("9223372036854775807", .integer(.max)),
            ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .unsigned(9_223_372_036_854_775_808)),
            ("18446744073709551615", .unsigned(.max)), ("18446744073709551616", .number(18_446_744_073_709_551_616)),
            ("1.5", .number(1.5)), ("-0.0", .number(-0.0)), ("1e3", .number(1_000)), ("1E+2", .number(100)), ("123e-2", .number(1.23)),
            ("5e-324", .number(.leastNonzeroMagnitude)), ("[]", .array([])), ("[ ]", .array([])), ("{}", .object([])), ("{ }", .object([])),
            ("[1, [2], {}]", .array([.integer(1), .array([.integer(2)]), .object([])])),
            ("{\"b\":1,\"a\":[null]}", .object([JSONMember(name: "b", value: .integer(1)), JSONMember(name: "a", value: .array([.null]))])),
            ("{\"\":0}", .object([JSONMember(name: "", value: .integer(0))])),
        ] as [(String, JSONValue)])
    func accepts(_ text: String, _ value: JSONValue) throws {
        #expect(try Self.parse(text) == value)
    }

    @Test(
        "escapes and characters stand for their text",
        arguments: [
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "Aé€"), (#""\uD834\uDD1E""#, "𝄞"),
            (#""\uDBFF\uDFFF""#, "\u{10FFFF}"), (#""\u0000""#, "\0"), ("\"é€𝄞\u{7F}\u{FFFF}\"", "é€𝄞\u{7F}\u{FFFF}"),
            (#""seven77\n""#, "seven77\n"), (#""eight888\n""#, "eight888\n"), (#""nine99999\u00e9tail""#, "nine99999étail"),
        ] as [(String, String)])
    func strings(_ text: String, _ value: String) throws {
        #expect(try Self.parse(text) == .string(value))
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", " ", "nul", "nulll", "True", "tru", "truE", "NaN", "Infinity", "-Infinity", "undefined", "'a'", "a", "\"", "\"a", "\"\\\"",
            "+1", "-", "--1", "01", "-01", "1.", ".5", "1.e3", "1e", "1e+", "0x10", "1 2", "1,", "1_000", "1.2.3", "0e", "1ee2", "- 1",
            "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "[1}", "[1]]", "[\"a\"", "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1",
            "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "{\"a\"::1}", "{'a':1}",
            "{\"a\":1}}", "{} {}", "null null", "[1]\0", "// c\n1", "1 // c", "/* c */ 1", "\u{FEFF}1", "\u{A0}1", "\u{C}1",
            #""\x""#, #""\u""#, #""\u12""#, #""\u12G4""#, #""\uD834""#, #""\uDD1E""#, #""\uD834\u0041""#, #""\uD834x""#, #""\uDD1E\uD834""#,
            #""\u+123""#, "\"\\a\"", "\"\\", "\"\\u00", "\"a\nb\"", "\"a\tb\"", "\"\0\"", "\"\u{1F}\"", "{\"a\u{1}\":1}",
            "{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"a\":3}", #"{"a":1,"\u0061":2}"#,
        ])
    func refuses(_ text: String) {
        #expect { try Self.parse(text) } throws: { ($0 as? Fault)?.kind == .invalidArgument }
    }

    @Test(
        "bytes that are not UTF-8 are refused",
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x9F, 0xBF], [0xE2, 0x82], [0xED, 0xA0, 0x80],
            [0xED, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
            [0xE2, 0x28, 0xA1],
        ] as [[UInt8]])
    func utf8(_ bytes: [UInt8]) {
        let document = [UInt8(ascii: "\"")] + Array("abcdefgh".utf8) + bytes + [UInt8(ascii: "\"")]
        #expect { try JSON.decode(JSONValue.self, from: document) } throws: { ($0 as? Fault)?.kind == .invalidArgument }
    }

    @Test("a name that only looks the same is another name")
    func canonicallyEquivalentNames() throws {
        #expect(try Self.parse("{\"\u{E9}\":1,\"e\u{301}\":2}") != .null)
    }

    @Test("a name that occurs twice among many is found and pointed at")
    func duplicateAmongMany() {
        let members = (0..<5_000).map { "\"name\($0)\":\($0)" }.joined(separator: ",\n")
        #expect(throws: Fault(.invalidArgument, "this member occurs twice", trail: ["5001:1 (/a~1b/name7)"])) {
            try Self.parse("{\"a/b\":{\(members),\n\"name7\":0}}")
        }
    }

    @Test("nesting is allowed to its limit and not beyond, and a million brackets do no harm")
    func depth() throws {
        let nested = { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) }
        #expect(try Self.parse(nested(512)) != .null)
        for count in [513, 1_000_000] {
            #expect { try Self.parse(nested(count)) } throws: { "\($0)".hasSuffix("nested deeper than 512 levels") }
        }
        #expect(throws: Fault.self) { try Self.parse(String(repeating: "{\"a\":", count: 100_000)) }
    }

    @Test("a document beyond the limit is too large, not malformed")
    func size() {
        #expect { try JSON.decode(JSONValue.self, from: Array("[1,2,3]".utf8), limits: JSONLimits(bytesMax: 6)) } throws: {
            ($0 as? Fault)?.kind == .tooLarge
        }
    }

    @Test(
        "an error names line, column and pointer",
        arguments: [
            ("{\n  \"a\": [1, x]\n}", "2:12 (/a/1): expected a value, found \"x\""),
            ("[1,\n2", "2:2 (/2): unexpected end of the document in an array"),
            ("", "1:1: unexpected end of the document"),
            ("{\"a\":1 2}", "1:8 (/a): expected a comma or } in an object, found \"2\""),
        ])
    func places(_ text: String, _ message: String) {
        #expect { try Self.parse(text) } throws: { "\($0)" == message }
    }

    @Test("no prefix of a document and no changed byte of it crashes the reader")
    func damage() throws {
        let sound = Array(#"{"a":[1,-2.5e3,true,null,"x\u00e9\ud834\udd1e\n"],"b":{"c":{},"é":[]}}"#.utf8)
        for end in sound.indices { #expect(throws: Fault.self) { try JSON.decode(JSONValue.self, from: Array(sound[..<end])) } }
        for at in sound.indices {
            for byte in [0, 0x22, 0x2C, 0x5C, 0x5D, 0x7D, 0x80, 0xFF] as [UInt8] {
                var damaged = sound
                damaged[at] = byte
                // Some of these are still JSON; that none of them ends the process is the point.
                _ = try? JSON.decode(JSONValue.self, from: damaged)
            }
        }
    }
}
