import Faults
import Testing

@testable import Archive

@Suite("Names of layer entries")
struct EntryPlanTests {
    private func plan(_ name: String) throws(Fault) -> EntryPlan { try EntryPlan(name: Array(name.utf8), limits: ArchiveLimits()) }

    private func path(_ names: String...) -> EntryPath { EntryPath(components: names.map { Array($0.utf8) }) }

    @Test("a plain name is a thing at that path", arguments: ["a/b", "./a/b", "/a/b", "a//b/", "a/./b", "x/../a/b", "/x/y/../../a/b"])
    func plain(name: String) throws { #expect(try plan(name) == .make(path("a", "b"))) }

    @Test("a name of nothing is the root", arguments: ["", "/", ".", "./", "a/.."])
    func root(name: String) throws { #expect(try plan(name) == .root) }

    @Test("a name that leads outside is refused", arguments: ["..", "../a", "a/../../b", "/..", "./../x"])
    func outside(name: String) { #expect(throws: Fault.self) { try plan(name) } }

    @Test("a whiteout names what is gone")
    func whiteout() throws {
        #expect(try plan("a/.wh.b") == .whiteout(path("a", "b")))
        #expect(try plan(".wh.b") == .whiteout(path("b")))
        #expect(try plan("a/.wh..hidden") == .whiteout(path("a", ".hidden")))
    }

    @Test("an opaque mark names its directory")
    func opaque() throws {
        #expect(try plan("a/b/.wh..wh..opq") == .opaque(directory: path("a", "b")))
        #expect(try plan(".wh..wh..opq") == .opaque(directory: path()))
    }

    @Test("a whiteout of no single name is refused", arguments: [".wh.", ".wh..", ".wh...", "a/.wh.", "a/.wh..", "a/.wh..."])
    func whiteoutOfNothing(name: String) { #expect(throws: Fault.self) { try plan(name) } }

    @Test("metadata of an older union file system is passed over", arguments: [".wh..wh.plnk", ".wh..wh.plnk/1.2", "a/.wh..wh.aufs"])
    func metadata(name: String) throws { #expect(try plan(name) == .skip) }

    @Test("nothing can lie in a whiteout")
    func belowWhiteout() { #expect(throws: Fault.self) { try plan("a/.wh.b/c") } }

    @Test("names have limits that say what they are")
    func limits() {
        let cases = [String(repeating: "n", count: 256), String(repeating: "a/", count: 2_048), String(repeating: "a/", count: 300)]
        for name in cases {
            do throws(Fault) {
                _ = try plan(name)
                Issue.record("\(name.prefix(8))… was taken")
            } catch { #expect(error.kind == .tooLarge) }
        }
    }

    @Test("only attributes that images need reach the disk")
    func attributes() {
        let kept = ["user.note", "security.capability", "system.posix_acl_access", "system.posix_acl_default"]
        let dropped = ["trusted.overlay.opaque", "trusted.x", "user.overlay.redirect", "security.selinux", "security.ima", "", "users"]
        #expect(kept.allSatisfy(isKept(attribute:)))
        #expect(!dropped.contains(where: isKept(attribute:)))
    }

    @Test("names are shown without control characters and not endlessly")
    func shown() {
        #expect(display(Array("a\u{1b}[31m\nb".utf8)) == "\"a?[31m?b\"")
        #expect(display(Array(repeating: 0x61, count: 1_000)).utf8.count < 200)
    }
}

@Suite("Compression")
struct CompressionTests {
    @Test("the first bytes tell how a stream is compressed")
    func magic() {
        #expect(Compression(magic: [0x1f, 0x8b, 0x08, 0, 0, 0]) == .gzip)
        #expect(Compression(magic: [0x42, 0x5a, 0x68, 0x39, 0x31, 0x41]) == .bzip2)
        #expect(Compression(magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) == .xz)
        #expect(Compression(magic: [0x28, 0xb5, 0x2f, 0xfd, 0, 0]) == .zstd)
        #expect(Compression(magic: [0x50, 0x2a, 0x4d, 0x18, 0, 0]) == .zstd)
    }

    @Test("anything else is taken as it is", arguments: [[], [0x1f], [0x1f, 0x8b], Array("busybox".utf8), [0x50, 0x4b, 0x03, 0x04]] as [[UInt8]])
    func none(magic: [UInt8]) { #expect(Compression(magic: magic) == .none) }
}
