import Faults
import OCISpec
import Testing

/// Values of Swift types from documents and back.
@Suite struct JSONCodableTests {
    struct Sample: Codable, Equatable {
        enum Color: String, Codable { case red, green }
        struct Inner: Codable, Equatable { var n: UInt8 }
        var name: String
        var count: Int?
        var small: Int8?
        var big: UInt64?
        var ratio: Double?
        var flag: Bool?
        var color: Color?
        var inner: [Inner]?
        var map: [String: Inner]?
        var byNumber: [Int: String]?
    }

    enum Shape: Codable, Equatable {
        case circle(radius: Int)
        case square(side: Int, name: String?)
        case none
    }

    static func decode<T: Decodable>(_ type: T.Type = T.self, _ text: String) throws -> T {
        try JSON.decode(type, from: Array(text.utf8))
    }

    static func encode(_ value: some Encodable, pretty: Bool = false, sortedKeys: Bool = false) throws -> String {
        String(decoding: try JSON.encode(value, pretty: pretty, sortedKeys: sortedKeys), as: UTF8.self)
    }

    @Test("members in any order fill a type, unknown ones are ignored, null is absent")
    func fills() throws {
        let text = #"{"inner":[{"n":255}],"zz":[{"deep":[1,2]}],"count":null,"name":"x","color":"green","map":{"k":{"n":1}},"big":18446744073709551615,"byNumber":{"7":"seven"}}"#
        let expected = Sample(
            name: "x", big: .max, color: .green, inner: [.init(n: 255)], map: ["k": .init(n: 1)], byNumber: [7: "seven"])
        #expect(try Self.decode(Sample.self, text) == expected)
    }

    @Test(
        "a value of the wrong type is refused with its place",
        arguments: [
            (#"{"name":7}"#, "1:9 (/name): expected a string, found 7"),
            (#"{}"#, "1:1: member \"name\" is missing"),
            ("{\"name\":\"\",\n \"count\":\"7\"}", "2:10 (/count): expected an integer from -9223372036854775808 to 9223372036854775807, found a string"),
            (#"{"name":"","small":128}"#, "1:20 (/small): expected an integer from -128 to 127, found 128"),
            (#"{"name":"","small":1.0}"#, "1:20 (/small): expected an integer from -128 to 127, found 1.0"),
            (#"{"name":"","big":-1}"#, "1:18 (/big): expected an integer from 0 to 18446744073709551615, found -1"),
            (#"{"name":"","big":18446744073709551616}"#, "1:18 (/big): expected an integer from 0 to 18446744073709551615, found 18446744073709551616"),
            (#"{"name":"","flag":1}"#, "1:19 (/flag): expected true or false, found 1"),
            (#"{"name":"","inner":{}}"#, "1:20 (/inner): expected an array, found an object"),
            (#"{"name":"","inner":[{"n":1},{"n":256}]}"#, "1:34 (/inner/1/n): expected an integer from 0 to 255, found 256"),
            (#"{"name":"","inner":[{"n":1},3]}"#, "1:29 (/inner/1): expected an object, found 3"),
            (#"{"name":"","map":{"a/b":{}}}"#, "1:25 (/map/a~1b): member \"n\" is missing"),
            (#"{"name":"","ratio":1e999}"#, "1:20 (/ratio): expected a number below 1.8e308, found 1e999"),
            ("[]", "1:1: expected an object, found an array"),
        ])
    func refuses(_ text: String, _ message: String) {
        #expect { try Self.decode(Sample.self, text) } throws: { "\($0)" == message && ($0 as? Fault)?.kind == .invalidArgument }
    }

    @Test("a word that an enumeration does not have is refused with its place")
    func enumerations() {
        #expect { try Self.decode(Sample.self, #"{"name":"","color":"blue"}"#) } throws: { "\($0)".hasPrefix("1:20 (/color): ") }
    }

    @Test("what is written is read back, whatever the layout")
    func roundTrip() throws {
        let sample = Sample(
            name: "q\"\\\u{1}\n\u{7F}é𝄞", count: .min, small: -128, big: .max, ratio: 0.1, flag: false, color: .red,
            inner: [.init(n: 0), .init(n: 9)], map: ["b": .init(n: 1), "a": .init(n: 2)], byNumber: [3: "c", -1: "a"])
        for pretty in [false, true] {
            for sortedKeys in [false, true] {
                #expect(try Self.decode(Sample.self, try Self.encode(sample, pretty: pretty, sortedKeys: sortedKeys)) == sample)
            }
        }
    }

    @Test("enumerations with values, optionals and nested lists survive", arguments: [Shape.circle(radius: 3), .square(side: 1, name: nil), .none])
    func shapes(_ shape: Shape) throws {
        #expect(try Self.decode([[Shape?]].self, try Self.encode([[shape, nil], []])) == [[shape, nil], []])
    }

    @Test("the compact and the pretty layout are what people expect")
    func layouts() throws {
        let value = try Self.decode(JSONValue.self, #"{"b":[1,{"z":null,"a":"x"}],"a":{},"c":[],"aa":2.5}"#)
        #expect(try Self.encode(value) == #"{"b":[1,{"z":null,"a":"x"}],"a":{},"c":[],"aa":2.5}"#)
        #expect(try Self.encode(value, sortedKeys: true) == #"{"a":{},"aa":2.5,"b":[1,{"a":"x","z":null}],"c":[]}"#)
        #expect(
            try Self.encode(value, pretty: true, sortedKeys: true)
                == "{\n  \"a\": {},\n  \"aa\": 2.5,\n  \"b\": [\n    1,\n    {\n      \"a\": \"x\",\n      \"z\": null\n    }\n  ],\n  \"c\": []\n}")
    }

    @Test("names are sorted by what they stand for, not by how they are escaped")
    func sortsEscapedNames() throws {
        #expect(try Self.encode(["\"": 1, "!": 2, "#": 3, "\n": 0], sortedKeys: true) == ##"{"\n":0,"!":2,"\"":1,"#":3}"##)
    }

    @Test("control characters are escaped and others are not")
    func escapes() throws {
        #expect(try Self.encode("\u{0}\u{1F}\u{8}\t\n\u{C}\r\"\\/é") == #""\u0000\u001f\b\t\n\f\r\"\\/é""#)
    }

    @Test("numbers that JSON has no word for are refused with their place", arguments: [Double.nan, .infinity, -.infinity])
    func notANumber(_ number: Double) {
        #expect { try JSON.encode(["a": [1, number]]) } throws: { "\($0)".hasPrefix("/a/1: JSON has no number for") }
    }

    struct Disorderly: Encodable {
        enum Names: String, CodingKey { case a, b, c }
        func encode(to encoder: any Encoder) throws {
            var outer = encoder.container(keyedBy: Names.self)
            var inner = outer.nestedContainer(keyedBy: Names.self, forKey: .a)
            try inner.encode(1, forKey: .a)
            try outer.encode(2, forKey: .b)
            try inner.encode(3, forKey: .c)
        }
    }

    @Test("a container that is written to after it was closed is an error, not a broken document")
    func disorder() {
        #expect(throws: Fault.self) { try JSON.encode(Disorderly()) }
    }

    @Test("a name with an escape is found as what it stands for")
    func escapedName() throws {
        #expect(try Self.decode(Sample.self, #"{"n\u0061me":"x"}"#) == Sample(name: "x"))
    }
}
