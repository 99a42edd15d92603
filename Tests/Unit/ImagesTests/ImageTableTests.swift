import Faults
import OCISpec
import Testing

@testable import Images

@Suite("Looking images up")
struct ImageTableTests {
    private func digest(_ prefix: String) throws -> Digest {
        try Digest(hex: prefix + String(repeating: "0", count: 64 - prefix.count))
    }

    private func table(_ images: [(String, [String])]) throws -> ImageTable {
        var table = ImageTable()
        for (prefix, names) in images {
            let id = try digest(prefix)
            let config = ImageConfig(architecture: "amd64", os: "linux", rootfs: .init())
            table.add(StoredImage(record: ImageRecord(id: id, layers: [], addedAt: 0), config: config))
            for name in names { table.point(try ImageReference(parsing: name), at: ReferenceRecord(image: id, taggedAt: 0)) }
        }
        return table
    }

    @Test("a name finds its image, with the default tag where none is written")
    func names() throws {
        let table = try table([("aa11", ["busybox:latest", "example.com:5000/x/y:1.0"])])
        for name in ["busybox", "busybox:latest", "docker.io/library/busybox", "example.com:5000/x/y:1.0"] {
            #expect(try table.resolve(name).image.record.id == digest("aa11"))
        }
    }

    @Test("an ID finds its image, whole or cut, with or without its algorithm")
    func ids() throws {
        let table = try table([("aa11", []), ("ab22", [])])
        let full = try digest("aa11")
        for text in [full.description, full.hex, full.short, "aa", "sha256:aa11"] { #expect(try table.resolve(text).image.record.id == full) }
    }

    @Test("a digest finds what was named with it")
    func digests() throws {
        let manifest = try digest("cc33")
        let table = try table([("aa11", ["busybox@\(manifest)"])])
        #expect(try table.resolve("busybox@\(manifest)").image.record.id == digest("aa11"))
        #expect(try table.resolve("busybox:any@\(manifest)").image.record.id == digest("aa11"))
    }

    @Test("the beginning of several IDs is refused")
    func ambiguous() throws {
        let table = try table([("aa11", []), ("aa22", [])])
        do throws(Fault) {
            _ = try table.resolve("aa")
            Issue.record("it was found")
        } catch { #expect(error.kind == .invalidArgument && error.reason.contains("ambiguous")) }
    }

    @Test("a name comes before an ID that begins like it")
    func nameFirst() throws {
        let table = try table([("aa11", []), ("bb22", ["aa11:latest"])])
        #expect(try table.resolve("aa11").image.record.id == digest("bb22"))
    }

    @Test("what is missing is named in docker's words", arguments: [
        ("nothing", "No such image: nothing:latest"), ("nothing:1.0", "No such image: nothing:1.0"),
        ("sha256:" + String(repeating: "d", count: 64), "No such image: sha256:" + String(repeating: "d", count: 64)),
    ])
    func missing(text: String, message: String) throws {
        let table = try table([("aa11", ["busybox:latest"])])
        do throws(Fault) {
            _ = try table.resolve(text)
            Issue.record("it was found")
        } catch { #expect(error.kind == .notFound && error.description == message) }
    }

    @Test("text that can be no name is refused as such", arguments: ["UPPER", "a b", "", "/x", "-"])
    func malformed(text: String) throws {
        let table = try table([])
        do throws(Fault) {
            _ = try table.resolve(text)
            Issue.record("it was found")
        } catch { #expect(error.kind == .invalidArgument) }
    }
}

@Suite("Names that go together")
struct ReferenceRemovalTests {
    private func references(_ names: String...) throws -> [ImageReference] { try names.map { try ImageReference(parsing: $0) } }
    private let pin = "@sha256:" + String(repeating: "e", count: 64)

    @Test("one tag with digests of its repository counts as one name")
    func single() throws {
        #expect(ImageService.isSingle(try references("a:1")))
        #expect(ImageService.isSingle(try references("a:1", "a" + pin)))
        #expect(ImageService.isSingle([]))
        #expect(!ImageService.isSingle(try references("a:1", "a:2")))
        #expect(!ImageService.isSingle(try references("a:1", "b" + pin)))
    }

    @Test("the last tag of a repository takes its digests along, an earlier one does not")
    func digests() throws {
        let all = try references("a:1", "a" + pin, "b:1")
        #expect(ImageService.goneWith(all[0], of: all) == [all[0], all[1]])
        let more = try references("a:1", "a:2", "a" + pin)
        #expect(ImageService.goneWith(more[0], of: more) == [more[0]])
        #expect(ImageService.goneWith(more[2], of: more) == [more[2]])
    }
}

@Suite("Patterns")
struct GlobTests {
    @Test("a star stops at a slash, a question mark is one character, brackets are a set", arguments: [
        ("busy*", "busybox", true), ("*box", "busybox", true), ("b?sybox", "busybox", true), ("b[uv]sybox", "busybox", true), ("b[a-f]sybox", "busybox", false),
        ("*", "a/b", false), ("*/b", "a/b", true), ("busybox", "busybox:1", false), ("b[^x]sybox", "busybox", true), ("", "", true), ("[", "[", false),
    ])
    func match(pattern: String, text: String, expected: Bool) { #expect(Glob.matches(pattern, text) == expected) }

    @Test("many stars end in time")
    func manyStars() { #expect(!Glob.matches(String(repeating: "a*", count: 100) + "b", String(repeating: "a", count: 250))) }
}
