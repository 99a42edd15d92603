import EngineAPI
import OCISpec
import Testing

@testable import CLICore

@Suite struct ListingTests {
    static let listing = Listing(
        headers: [("ID", "THE ID"), ("Name", "NAMES")], table: ["ID", "Name"],
        rows: [.init([("ID", "1"), ("Name", "a")]), .init([("ID", "a long id"), ("Name", "b")])])

    static let cases: [(String, String)] = [
        ("", "THE ID      NAMES\n1           a\na long id   b\n"), ("table", "THE ID      NAMES\n1           a\na long id   b\n"),
        ("table {{.Name}}\\t{{.ID}}", "NAMES     THE ID\na         1\nb         a long id\n"), ("{{.Name}}", "a\nb\n"), ("{{.Name}}\\n", "a\n\nb\n\n"),
        ("json", "{\"ID\":\"1\",\"Name\":\"a\"}\n{\"ID\":\"a long id\",\"Name\":\"b\"}\n"),
    ]

    @Test("formats as docker does", arguments: cases)
    func formats(format: String, expected: String) throws { #expect(try Self.listing.render(format: format) == expected) }

    @Test("quiet prints one field") func quiet() throws {
        #expect(try Self.listing.render(format: "", quietField: "ID") == "1\na long id\n")
        #expect(try Self.listing.render(format: "{{.Name}}", quietField: "ID") == "a\nb\n")
    }

    @Test("columns are ten wide at least, and each run of lines has its own widths") func table() {
        #expect(Table.aligned("A\tB\tC\nlonger than ten\tx\ty\n") == "A                 B         C\nlonger than ten   x         y\n")
        #expect(Table.aligned("a\tb\nplain\nlonger than ten\tb") == "a         b\nplain\nlonger than ten   b")
    }

    static let spans: [(Int64, String)] = [
        (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (119, "About a minute"), (120, "2 minutes"), (3599, "59 minutes"),
        (3600, "About an hour"), (5399, "About an hour"), (5400, "2 hours"), (47 * 3600, "47 hours"), (48 * 3600, "2 days"), (13 * 86400, "13 days"), (14 * 86400, "2 weeks"),
        (59 * 86400, "8 weeks"), (60 * 86400, "2 months"), (729 * 86400, "24 months"), (730 * 86400, "2 years"),
    ]

    @Test("spans are said as docker says them", arguments: spans)
    func span(seconds: Int64, text: String) { #expect(HumanTime.describe(seconds: seconds) == text) }

    @Test("sizes have three digits", arguments: [(0, "0B"), (999, "999B"), (1000, "1kB"), (1_983_000, "1.98MB"), (77_800_000, "77.8MB"), (123_456_789, "123MB"), (5_000_000_000, "5GB")] as [(Int64, String)])
    func size(bytes: Int64, text: String) { #expect(HumanSize.describe(bytes) == text) }

    private func port(_ ip: String?, _ inside: UInt16, _ outside: UInt16?, _ type: String = "tcp") -> PortSummary {
        var port = PortSummary()
        port.ip = ip
        port.privatePort = inside
        port.publicPort = outside
        port.type = type
        return port
    }

    @Test("ports that map to themselves are told as ranges") func ports() {
        #expect(Rows.ports([port(nil, 80, nil), port(nil, 81, nil), port(nil, 90, nil, "udp")]) == "80-81/tcp, 90/udp")
        #expect(Rows.ports([port("0.0.0.0", 80, 8080), port("::", 80, 8080)]) == "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp")
        #expect(Rows.ports([port("0.0.0.0", 80, 80), port("0.0.0.0", 81, 81)]) == "0.0.0.0:80-81->80-81/tcp")
        #expect(Rows.ports([]) == "")
    }

    @Test("an image has a row for each name, or one without") func images() {
        var image = ImageSummary()
        image.id = "sha256:" + String(repeating: "ab", count: 32)
        image.repoTags = ["a:1", "reg:5000/b:2"]
        let rows = Rows.image(image, truncates: true, digests: false, now: 100)
        #expect(rows.map { $0.fields.member("Repository")?.goText } == ["a", "reg:5000/b"])
        #expect(rows.map { $0.fields.member("ID")?.goText } == ["abababababab", "abababababab"])
        image.repoTags = []
        #expect(Rows.image(image, truncates: true, digests: false, now: 100).map { $0.fields.member("Tag")?.goText } == ["<none>"])
        image.repoDigests = ["a@sha256:12"]
        #expect(Rows.image(image, truncates: true, digests: true, now: 100).map { $0.fields.member("Digest")?.goText } == ["sha256:12"])
    }

    @Test("JSON is laid out without being understood") func layout() {
        let text = #"[{"a":1.50,"b":"x{,}\"\u003c","c":[],"d":{},"e":[1,{"f":null}]}]"#
        let expected = """
            [
                {
                    "a": 1.50,
                    "b": "x{,}\\"\\u003c",
                    "c": [],
                    "d": {},
                    "e": [
                        1,
                        {
                            "f": null
                        }
                    ]
                }
            ]
            """
        #expect(String(decoding: JSONLayout.indented(Array(text.utf8)), as: UTF8.self) == expected)
    }
}
