import Faults
import Linux
import OCISpec
import Testing

@testable import Content

@Suite("Blobs by digest")
struct ContentStoreTests {
    /// A store in a directory of its own, taken away afterwards.
    private func withStore(_ body: (ContentStore, String) throws -> Void) throws {
        let root = "/tmp/cais-content-\(UInt64.random(in: .min ... .max))"
        defer { try? Files.removeTree(root) }
        try body(try ContentStore(root: root), root)
    }

    /// The digest of "hello".
    private let hello = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

    @Test("what is written is read back by its digest")
    func roundTrip() throws {
        try withStore { store, _ in
            let digest = try store.write(Array("hello".utf8))
            #expect(digest.description == hello)
            #expect(store.contains(digest) && store.size(of: digest) == 5)
            #expect(try store.read(digest) == Array("hello".utf8))
            #expect(try store.list() == [digest])
        }
    }

    @Test("a blob that is not here is not found")
    func missing() throws {
        try withStore { store, _ in
            let digest = try Digest(parsing: hello)
            #expect(!store.contains(digest))
            do throws(Fault) {
                _ = try store.read(digest)
                Issue.record("it was read")
            } catch { #expect(error.kind == .notFound) }
        }
    }

    @Test("content of another digest than expected is refused and leaves nothing")
    func unexpected() throws {
        try withStore { store, root in
            do {
                let ingest = try store.begin()
                try ingest.append(Array("hell".utf8))
                let expected = try Digest(parsing: hello)
                #expect(throws: Fault.self) { try ingest.finish(expecting: expected) }
            }
            #expect(try store.list().isEmpty)
            #expect(try Files.names(in: "\(root)/ingest").isEmpty)
        }
    }

    @Test("an ingest that is let go of leaves nothing")
    func abandoned() throws {
        try withStore { store, root in
            do { try store.begin().append([1, 2, 3]) }
            #expect(try Files.names(in: "\(root)/ingest").isEmpty)
        }
    }

    @Test("a blob whose bytes rotted is not handed out")
    func damaged() throws {
        try withStore { store, root in
            let digest = try store.write(Array("hello".utf8))
            try Files.replace("\(root)/blobs/sha256/\(digest.hex)", with: Array("jello".utf8), durable: false)
            #expect(throws: Fault.self) { try store.read(digest) }
        }
    }

    @Test("a sweep takes what was half-written and no blob")
    func sweep() throws {
        try withStore { store, root in
            let digest = try store.write(Array("hello".utf8))
            _ = try store.stage()
            try Files.replace("\(root)/ingest/blob-left", with: [1], durable: false)
            try store.sweep()
            #expect(try Files.names(in: "\(root)/ingest").isEmpty)
            #expect(store.contains(digest))
        }
    }

    @Test("files of other names are nobody's blobs")
    func foreign() throws {
        try withStore { store, root in
            try Files.replace("\(root)/blobs/sha256/notes.txt", with: [1], durable: false)
            #expect(try store.list().isEmpty)
        }
    }

    @Test("a removed blob is gone, and removing it again is no error")
    func delete() throws {
        try withStore { store, _ in
            let digest = try store.write([1])
            try store.delete(digest)
            try store.delete(digest)
            #expect(!store.contains(digest))
        }
    }
}
