import Archive
import Faults
import OCISpec
import Testing

@testable import Images

@Suite("What an archive says it holds")
struct ArchiveLayoutTests {
    /// An archive in memory: names and bytes.
    private struct Fake {
        var layout = ArchiveLayout()
        var bytes: [String: [UInt8]] = [:]

        mutating func add(_ name: String, _ text: String, digest: String = String(repeating: "a", count: 64)) {
            bytes[name] = Array(text.utf8)
            layout.add(.file(SplitFile(name: name, file: name, digest: "sha256:" + digest, size: Int64(text.utf8.count))))
        }

        func images(_ platform: String? = nil) throws -> [ArchivedImage] {
            let bytes = bytes
            return try layout.images(
                platform: try platform.map { try Platform(parsing: $0) }, read: { (file) throws(Fault) in bytes[file.name] ?? [] }, stored: { _ in nil })
        }
    }

    private let diffID = "sha256:" + String(repeating: "d", count: 64)

    private func config(os: String = "linux", architecture: String = "amd64", layers: Int = 1) -> String {
        let ids = Array(repeating: "\"\(diffID)\"", count: layers).joined(separator: ",")
        return #"{"os":"\#(os)","architecture":"\#(architecture)","rootfs":{"type":"layers","diff_ids":[\#(ids)]}}"#
    }

    @Test("a docker archive names its configuration, tags and layers")
    func docker() throws {
        var fake = Fake()
        fake.add("manifest.json", #"[{"Config":"c.json","RepoTags":["busybox:latest","x/y:1"],"Layers":["l/layer.tar"]}]"#)
        fake.add("c.json", config())
        fake.add("l/layer.tar", "tar")
        let images = try fake.images()
        #expect(images.count == 1)
        #expect(images[0].references.map(\.familiar) == ["busybox:latest", "x/y:1"])
        #expect(images[0].layers == [.file(try #require(fake.layout.file("l/layer.tar")))])
    }

    @Test("links between layers are followed, and circles end")
    func links() {
        var layout = ArchiveLayout()
        layout.add(.file(SplitFile(name: "a/layer.tar", file: "1", digest: "sha256:x", size: 1)))
        layout.add(.link(SplitLink(name: "b/layer.tar", target: "a/layer.tar")))
        layout.add(.link(SplitLink(name: "p", target: "q")))
        layout.add(.link(SplitLink(name: "q", target: "p")))
        #expect(layout.file("./b/layer.tar")?.file == "1")
        #expect(layout.file("p") == nil)
    }

    @Test("no image, no layer, too few layers, another system: each has its words", arguments: [
        ([:], "no image"),
        (["manifest.json": #"[{"Config":"c.json","Layers":["l"]}]"#], "lacks its configuration"),
        (["manifest.json": #"[{"Config":"c.json","Layers":["l"]}]"#, "c.json": "CONFIG"], "lacks layer l"),
        (["manifest.json": #"[{"Config":"c.json","Layers":[]}]"#, "c.json": "CONFIG"], "layers length mismatch"),
        (["manifest.json": #"[{"Config":"c.json","Layers":["l"]}]"#, "c.json": "WINDOWS", "l": "x"], "cannot load windows image"),
        (["manifest.json": "[{]"], "manifest.json"), (["manifest.json": "{}"], "manifest.json"),
        (["manifest.json": #"[{"Config":"c.json","Layers":["l"],"RepoTags":["UPPER:x"]}]"#, "c.json": "CONFIG", "l": "x"], "lowercase"),
    ] as [([String: String], String)])
    func broken(files: [String: String], message: String) {
        var fake = Fake()
        for (name, text) in files {
            fake.add(name, text == "CONFIG" ? config() : text == "WINDOWS" ? config(os: "windows") : text)
        }
        do {
            _ = try fake.images()
            Issue.record("it was taken")
        } catch { #expect("\(error)".contains(message)) }
    }

    private func layout(_ manifests: [(architecture: String, digit: String)], name: String?) -> Fake {
        var fake = Fake()
        var descriptors: [String] = []
        for (architecture, digit) in manifests {
            let hex = String(repeating: digit, count: 64)
            let configHex = String(repeating: digit, count: 63) + "c"
            let document = config(architecture: architecture, layers: 0)
            let manifest =
                #"{"schemaVersion":2,"config":{"mediaType":"\#(MediaType.ociConfig)","digest":"sha256:\#(configHex)","size":\#(document.utf8.count)},"layers":[]}"#
            fake.add("blobs/sha256/\(configHex)", document, digest: configHex)
            fake.add("blobs/sha256/\(hex)", manifest, digest: hex)
            descriptors.append(
                #"{"mediaType":"\#(MediaType.ociManifest)","digest":"sha256:\#(hex)","size":\#(manifest.utf8.count),"platform":{"os":"linux","architecture":"\#(architecture)"}}"#)
        }
        let inner = #"{"schemaVersion":2,"manifests":[\#(descriptors.joined(separator: ","))]}"#
        let innerHex = String(repeating: "f", count: 64)
        fake.add("blobs/sha256/\(innerHex)", inner, digest: innerHex)
        let annotations = name.map { #","annotations":{"\#(Descriptor.imageNameAnnotation)":"\#($0)"}"# } ?? ""
        fake.add(
            "index.json",
            #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(MediaType.ociIndex)","digest":"sha256:\#(innerHex)","size":\#(inner.utf8.count)\#(annotations)}]}"#)
        return fake
    }

    @Test("an image layout's nested index is searched for the platform")
    func platforms() throws {
        let fake = layout([("amd64", "1"), ("arm64", "2")], name: "docker.io/library/multi:1")
        let amd = try fake.images("linux/amd64")
        #expect(amd.map(\.config.architecture) == ["amd64"])
        #expect(amd[0].references.map(\.familiar) == ["multi:1", "multi@sha256:" + String(repeating: "f", count: 64)])
        #expect(try fake.images("linux/arm64").map(\.config.architecture) == ["arm64"])
        #expect(throws: Fault.self) { try fake.images("linux/s390x") }
    }

    @Test("content that is not what its descriptor says is refused")
    func mismatch() {
        var fake = layout([("amd64", "1")], name: nil)
        fake.add("blobs/sha256/" + String(repeating: "f", count: 64), "{}", digest: String(repeating: "0", count: 64))
        #expect(throws: Fault.self) { try fake.images("linux/amd64") }
    }

    @Test("an index that lies in itself ends")
    func circle() {
        var fake = Fake()
        let hex = String(repeating: "f", count: 64)
        let text = #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(MediaType.ociIndex)","digest":"sha256:\#(hex)","size":SIZE}]}"#
        let size = text.utf8.count - 1
        let index = text.split(separator: "SIZE").joined(separator: "\(size)")
        fake.add("index.json", index)
        fake.add("blobs/sha256/\(hex)", index, digest: hex)
        #expect(throws: Fault.self) { try fake.images() }
    }
}
