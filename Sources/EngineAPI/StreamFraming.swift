// StreamFraming owns docker's multiplexed stream: frames of [stream, 0, 0, 0, length in 4 bytes
// big-endian] and payload. The attach, logs and exec streams of containers without a terminal use it.
import Faults

/// Encodes frames.
public enum StreamFraming {
    /// Bytes of a frame's header.
    public static let headerSize = 8

    /// Which stream a frame belongs to.
    public enum Stream: UInt8, Sendable, CaseIterable {
        /// Standard input; written by nobody today.
        case stdin = 0
        /// Standard output.
        case stdout = 1
        /// Standard error.
        case stderr = 2
        /// An error of the engine itself.
        case systemError = 3
    }

    /// The header of a frame with `count` bytes of payload.
    public static func header(_ stream: Stream, count: Int) -> [UInt8] {
        let count = UInt32(count)
        return [
            stream.rawValue, 0, 0, 0, UInt8(truncatingIfNeeded: count >> 24), UInt8(truncatingIfNeeded: count >> 16),
            UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count),
        ]
    }

    /// A whole frame.
    public static func frame(_ stream: Stream, _ payload: some Collection<UInt8>) -> [UInt8] {
        header(stream, count: payload.count) + payload
    }
}

/// Takes a multiplexed stream apart, in pieces of any size; a long frame's payload comes out in
/// pieces too, so nothing but an incomplete header is ever kept.
public struct StreamDemultiplexer: Sendable {
    private var header: [UInt8] = []
    private var stream = StreamFraming.Stream.stdout
    private var remaining = 0

    /// Starts at a frame's border.
    public init() {}

    /// Whether the stream may end here.
    public var isAtBorder: Bool { header.isEmpty && remaining == 0 }

    /// Hands the payload in `bytes` to `body`, in order.
    /// - Throws: `failed` on a header that names no stream.
    public mutating func push(
        _ bytes: UnsafeRawBufferPointer, _ body: (StreamFraming.Stream, UnsafeRawBufferPointer) -> Void
    ) throws(Fault) {
        var offset = 0
        while offset < bytes.count {
            if remaining > 0 {
                let count = min(remaining, bytes.count - offset)
                body(stream, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
                offset += count
                remaining -= count
                continue
            }
            header.append(bytes[offset])
            offset += 1
            if header.count == StreamFraming.headerSize { try openFrame() }
        }
    }

    private mutating func openFrame() throws(Fault) {
        guard let named = StreamFraming.Stream(rawValue: header[0]), header[1...3].allSatisfy({ $0 == 0 }) else {
            throw Fault(.failed, "the multiplexed stream has a frame of unknown kind \(header[0])")
        }
        stream = named
        remaining = header[4...7].reduce(0) { $0 << 8 | Int($1) }
        header.removeAll(keepingCapacity: true)
    }
}
