// ContentStore owns blobs by digest: where they lie, that a file under a digest's name has that
// content, and that a half-written one never gets such a name. It does not know what a blob means
// nor who needs it.
import CLinux
import struct Crypto.SHA256
import Faults
import Linux
import OCISpec

/// Content-addressed files below one directory. All calls block on the disk.
package struct ContentStore: Sendable {
    private let blobs: String
    private let ingests: String

    /// Opens the store below `root`, making its directories.
    package init(root: String) throws(Fault) {
        blobs = "\(root)/blobs/sha256"
        ingests = "\(root)/ingest"
        try contentCall("make \(root)") { () throws(Errno) in
            try Files.makeDirectories(blobs, mode: 0o700)
            try Files.makeDirectories(ingests, mode: 0o700)
        }
    }

    /// Whether the blob is here.
    package func contains(_ digest: Digest) -> Bool { Files.exists(path(of: digest)) }

    /// How many bytes the blob has; nil where it is not here.
    package func size(of digest: Digest) -> Int64? {
        var status = stat()
        return lstat(path(of: digest), &status) == 0 ? Int64(status.st_size) : nil
    }

    /// Opens a blob for reading.
    /// - Throws: `.notFound` where it is not here.
    package func open(_ digest: Digest) throws(Fault) -> FileDescriptor {
        do { return try Files.open(path(of: digest), flags: O_RDONLY | O_NOFOLLOW) } catch {
            throw Fault(error == .noEntry ? .notFound : .failed, "blob \(digest): \(error)", errno: error.rawValue)
        }
    }

    /// Reads a small blob and checks that it still is what its name says.
    /// - Throws: `.notFound`, `.tooLarge` beyond `limit` bytes, `.failed` for a damaged one.
    package func read(_ digest: Digest, limit: Int = 16 << 20) throws(Fault) -> [UInt8] {
        let file = try open(digest)
        let bytes: [UInt8]
        do { bytes = try file.readAll(limit: limit) } catch {
            throw Fault(error == .tooBig ? .tooLarge : .failed, "read blob \(digest): \(error)", errno: error.rawValue)
        }
        guard Digest(bytes: Array(SHA256.hash(data: bytes))) == digest else {
            throw Fault(.failed, "blob \(digest) is damaged: its content has another digest")
        }
        return bytes
    }

    /// Stores `bytes` and returns their digest.
    package func write(_ bytes: [UInt8]) throws(Fault) -> Digest {
        let ingest = try begin()
        try ingest.append(bytes)
        return try ingest.finish()
    }

    /// Starts a blob whose content arrives in pieces.
    package func begin() throws(Fault) -> Ingest {
        let path = "\(ingests)/blob-\(randomName())"
        let file: FileDescriptor
        do { file = try Files.open(path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600) } catch {
            throw contentFault("make an ingest", error)
        }
        return Ingest(store: self, path: path, file: file)
    }

    /// A new, empty directory for files that may become blobs by ``adopt(_:as:)``.
    package func stage() throws(Fault) -> String {
        let path = "\(ingests)/stage-\(randomName())"
        try contentCall("make an ingest") { () throws(Errno) in try call { mkdir(path, 0o700) } }
        return path
    }

    /// Takes over a file on this file system whose digest is known and whose bytes are on disk.
    package func adopt(_ file: String, as digest: Digest) throws(Fault) {
        let target = path(of: digest)
        try contentCall("store blob \(digest)") { () throws(Errno) in try call { rename(file, target) } }
    }

    /// Waits until all bytes that were written to this file system are on disk: before ``adopt(_:as:)``.
    package func synchronize() throws(Fault) { try withBlobs("write the blobs to disk") { syncfs($0) } }

    /// Waits until the blobs' names are on disk: after ``adopt(_:as:)``, before anybody refers to them.
    package func settle() throws(Fault) { try withBlobs("write the blobs' names to disk") { fsync($0) } }

    private func withBlobs(_ step: String, _ body: (CInt) -> CInt) throws(Fault) {
        try contentCall(step) { () throws(Errno) in
            let directory = try Files.open(blobs, flags: O_RDONLY | O_DIRECTORY)
            let number = directory.rawValue
            try call { body(number) }
        }
    }

    /// The digests of all blobs. Files with other names are nobody's and are passed over.
    package func list() throws(Fault) -> [Digest] {
        let names: [String]
        do { names = try Files.names(in: blobs) } catch { throw contentFault("list the blobs", error) }
        // A foreign name is no digest: that is the answer wanted here.
        return names.compactMap { try? Digest(hex: $0) }
    }

    /// Removes a blob; missing is done.
    package func delete(_ digest: Digest) throws(Fault) {
        let target = path(of: digest)
        if unlink(target) != 0 && Errno.current != .noEntry { throw contentFault("remove blob \(digest)", Errno.current) }
    }

    /// Removes what earlier runs left half-written. Only before anything is ingested.
    package func sweep() throws(Fault) {
        try contentCall("sweep the ingests") { () throws(Errno) in
            for name in try Files.names(in: ingests) { try Files.removeTree("\(ingests)/\(name)") }
        }
    }

    func path(of digest: Digest) -> String { "\(blobs)/\(digest.hex)" }

    private func randomName() -> String { String(UInt64.random(in: .min ... .max), radix: 16) }
}

/// A blob being written. Without ``finish(expecting:)`` nothing of it stays.
/// Safe because it has one owner, who makes one call at a time and awaits it.
package final class Ingest: @unchecked Sendable {
    private let store: ContentStore
    private let path: String
    private let file: FileDescriptor
    private var hash = SHA256()
    /// How many bytes were appended.
    package private(set) var bytes: Int64 = 0
    private var isFinished = false

    init(store: ContentStore, path: String, file: consuming FileDescriptor) {
        self.store = store
        self.path = path
        self.file = file
    }

    deinit { if !isFinished { unlink(path) } }

    /// Writes the next bytes.
    package func append(_ chunk: [UInt8]) throws(Fault) {
        do { try file.writeAll(chunk) } catch { throw contentFault("write a blob", error) }
        chunk.withUnsafeBytes { hash.update(bufferPointer: $0) }
        bytes += Int64(chunk.count)
    }

    /// Ends the blob: on disk, and under its digest's name.
    /// - Throws: `.invalidArgument` where the content is not what `expected` says.
    package func finish(expecting expected: Digest? = nil) throws(Fault) -> Digest {
        let digest = Digest(bytes: Array(hash.finalize()))
        if let expected, expected != digest { throw Fault(.invalidArgument, "content has digest \(digest), expected \(expected)") }
        try contentCall("write a blob to disk") { () throws(Errno) in try file.synchronize() }
        try store.adopt(path, as: digest)
        isFinished = true
        return digest
    }
}

func contentCall<Value>(_ step: String, _ body: () throws(Errno) -> Value) throws(Fault) {
    do { _ = try body() } catch { throw contentFault(step, error) }
}

func contentFault(_ step: String, _ error: Errno) -> Fault {
    Fault(error == .noSpace ? .noSpace : .failed, "\(step): \(error)", errno: error.rawValue)
}
