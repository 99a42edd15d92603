// ByteSource owns the pull side of a stream: each stage asks the one before it for its next bytes,
// so there is one thread, one buffer a stage, and no stage runs ahead of another.
import CLinux
import Crypto
import Faults
import Linux

/// Bytes in order, pulled by whoever needs them.
package protocol ByteSource: AnyObject {
    /// The next bytes, empty at the end; valid until the next call.
    func next() throws(Fault) -> UnsafeRawBufferPointer
}

/// The bytes of a descriptor: a blob's file or the stream of a request.
package final class FileSource: ByteSource {
    /// How much is read at once, in bytes.
    package static let bufferBytes = 256 << 10
    private let descriptor: CInt
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: FileSource.bufferBytes, alignment: 4_096)
    private var held: Range<Int>?
    /// How many bytes came out of the descriptor so far.
    package private(set) var bytesRead: Int64 = 0

    /// Reads from `descriptor`, which stays the caller's.
    package init(descriptor: CInt) { self.descriptor = descriptor }

    deinit { buffer.deallocate() }

    package func next() throws(Fault) -> UnsafeRawBufferPointer {
        if let range = held {
            held = nil
            return UnsafeRawBufferPointer(rebasing: buffer[range])
        }
        let got = try read(at: 0)
        return UnsafeRawBufferPointer(rebasing: buffer[0..<got])
    }

    /// The first bytes, at least `count` unless the stream is shorter, without taking them.
    package func peek(_ count: Int) throws(Fault) -> [UInt8] {
        var filled = held?.count ?? 0
        while filled < count {
            let got = try read(at: filled)
            if got == 0 { break }
            filled += got
        }
        held = filled > 0 ? 0..<filled : nil
        return Array(buffer[0..<min(count, filled)])
    }

    private func read(at offset: Int) throws(Fault) -> Int {
        do throws(Errno) {
            let got = try call { CLinux.read(descriptor, buffer.baseAddress! + offset, buffer.count - offset) }
            bytesRead += Int64(got)
            return got
        } catch { throw Fault(.failed, "read the archive: \(error)", errno: error.rawValue) }
    }
}

/// Digests and counts what passes and stops a stream that outgrows its limits.
package final class DigestingSource: ByteSource {
    private let upstream: any ByteSource
    private let compressed: FileSource
    private let limits: ArchiveLimits
    private var hash = SHA256()
    /// How many bytes passed so far.
    package private(set) var bytes: Int64 = 0

    /// Watches `upstream`, which inflates what `compressed` reads.
    package init(_ upstream: any ByteSource, compressed: FileSource, limits: ArchiveLimits) {
        self.upstream = upstream
        self.compressed = compressed
        self.limits = limits
    }

    package func next() throws(Fault) -> UnsafeRawBufferPointer {
        let chunk = try upstream.next()
        hash.update(bufferPointer: chunk)
        bytes += Int64(chunk.count)
        if bytes > limits.streamBytesMax {
            throw Fault(.tooLarge, "the archive is larger than \(limits.streamBytesMax) bytes when uncompressed")
        }
        if bytes > limits.ratioFreeBytes && bytes / max(1, compressed.bytesRead) > limits.ratioMax {
            throw Fault(.tooLarge, "the archive inflates more than \(limits.ratioMax) times")
        }
        return chunk
    }

    /// Reads to the end, so that padding after the last entry is part of the digest as well.
    package func drain() throws(Fault) { while try !next().isEmpty {} }

    /// The digest of all that passed: for a layer its diff ID.
    package func digestHex() -> String { hexText(hash.finalize()) }
}

/// Lower-case hexadecimal digits of `bytes`.
func hexText(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
