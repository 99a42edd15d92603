import Archive
import Faults
import CLinux
import Linux
import OCISpec
import Testing

@testable import Snapshots

@Suite("Layers and writable layers on disk")
struct LayerStoreTests {
    private func withStores(_ body: (LayerStore, WritableLayers, String) throws -> Void) throws {
        let root = "/tmp/cais-layers-\(UInt64.random(in: .min ... .max))"
        defer { try? TreeRemoval.remove(path: root) }
        let layers = try LayerStore(root: "\(root)/layers", worker: UnpackWorker(executable: "/nonexistent"))
        try body(layers, try WritableLayers(root: "\(root)/containers", layers: layers), root)
    }

    private func digest(_ digit: String) throws -> Digest { try Digest(hex: String(repeating: digit, count: 64)) }

    private func makeLayer(_ digit: String, in root: String) throws {
        let path = "\(root)/layers/\(try digest(digit).hex)"
        try Files.makeDirectories("\(path)/fs")
        let info = LayerInfo(diffID: try digest(digit), size: 0, entries: 0)
        try Files.replace("\(path)/layer.json", with: try JSON.encode(info), durable: false)
    }

    @Test("a worker that cannot be started leaves no directory behind")
    func noWorker() throws {
        try withStores { layers, _, root in
            let blob = try Files.open("/dev/null")
            #expect(throws: Fault.self) { try layers.unpack(blob, expecting: nil) }
            #expect(try Files.names(in: "\(root)/layers") == ["empty"])
        }
    }

    @Test("a sweep takes half-made layers and keeps whole ones")
    func sweep() throws {
        try withStores { layers, _, root in
            try makeLayer("a", in: root)
            try Files.makeDirectories("\(root)/layers/tmp-1/fs/deep")
            try layers.sweep()
            #expect(try layers.list() == [digest("a")])
            #expect(!Files.exists("\(root)/layers/tmp-1"))
        }
    }

    @Test("a removed layer is gone, and removing it again is no error")
    func delete() throws {
        try withStores { layers, _, root in
            try makeLayer("a", in: root)
            try layers.delete(digest("a"))
            try layers.delete(digest("a"))
            #expect(try !layers.contains(digest("a")))
        }
    }

    @Test("a writable layer remembers what it lies on, is made once, and goes whole")
    func writable() throws {
        try withStores { layers, writable, root in
            try makeLayer("a", in: root)
            try writable.prepare("c1", on: [digest("a")])
            try Files.replace("\(root)/containers/c1/upper/file", with: [1, 2, 3], durable: false)
            try writable.prepare("c1", on: [digest("a")])
            #expect(Files.exists("\(root)/containers/c1/upper/file"))
            #expect(try writable.layersInUse() == [digest("a")])
            #expect(try writable.size(of: "c1") > 0)
            try writable.remove("c1")
            try writable.remove("c1")
            #expect(!Files.exists("\(root)/containers/c1"))
            #expect(try writable.layersInUse().isEmpty)
        }
    }

    @Test("of equal layers the topmost is mounted")
    func distinct() throws {
        let (a, b) = (try digest("a"), try digest("b"))
        #expect(WritableLayers.distinct([a, b, a]) == [b, a])
        #expect(WritableLayers.distinct([a, b]) == [a, b])
        #expect(WritableLayers.distinct([]) == [])
    }

    @Test("what others keep in a container's directory stays")
    func neighbours() throws {
        try withStores { _, writable, root in
            try writable.prepare("c1", on: [])
            try Files.replace("\(root)/containers/c1/c1-json.log", with: [1], durable: false)
            try writable.remove("c1")
            #expect(try Files.names(in: "\(root)/containers/c1") == ["c1-json.log"])
        }
    }

    @Test("a layer that is not unpacked is named, and nothing is made")
    func missingLayer() throws {
        try withStores { _, writable, root in
            let missing = try digest("b")
            #expect(throws: Fault.self) { try writable.prepare("c1", on: [missing]) }
            #expect(!Files.exists("\(root)/containers/c1"))
        }
    }

    @Test("an ID cannot name another directory", arguments: ["", ".", "..", "a/b", "../x"])
    func names(id: String) throws {
        try withStores { _, writable, _ in #expect(throws: Fault.self) { try writable.prepare(id, on: []) } }
    }

    @Test("a tree deeper than there are descriptors is removed")
    func deepTree() throws {
        try withStores { _, _, root in
            var current = try Files.open(root, flags: O_RDONLY | O_DIRECTORY)
            for _ in 0..<3_000 {
                mkdirat(current.rawValue, "d", 0o755)
                current = try Files.open("d", at: current.rawValue, flags: O_RDONLY | O_DIRECTORY)
            }
            try TreeRemoval.remove(path: "\(root)/d")
            #expect(!Files.exists("\(root)/d"))
        }
    }
}
