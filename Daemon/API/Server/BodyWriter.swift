// BodyWriter owns the sending of one streamed answer: its head with the first bytes, chunks, the end.
// Each write waits until the client's socket has taken it, so a slow client slows the source.
import EngineAPI
import Faults
import NIOCore
import OCISpec
import Synchronization

/// Sends a body piece by piece. One task writes at a time.
final class BodyWriter: Sendable {
    private enum State {
        case waiting
        case sending
        case ended
    }

    private let channel: any Channel
    private let head: ResponseHead
    private let chunked: Bool
    private let state = Mutex(State.waiting)

    /// A writer for an answer with this head, which is complete.
    init(channel: any Channel, head: ResponseHead, chunked: Bool) {
        self.channel = channel
        self.head = head
        self.chunked = chunked
    }

    /// Whether anything, the head included, has been sent.
    var hasBegun: Bool { state.withLock { $0 != .waiting } }

    /// Sends the head now, ahead of any bytes: for clients that wait for it.
    /// - Throws: when the client has gone.
    func begin() async throws { try await write([]) }

    /// Sends bytes, the head before them if it is due.
    /// - Throws: when the client has gone.
    func write(_ bytes: [UInt8]) async throws {
        try Task.checkCancellation()
        let isFirst = state.withLock { state -> Bool in
            defer { state = .sending }
            return state == .waiting
        }
        guard isFirst || !bytes.isEmpty else { return }
        var buffer = channel.allocator.buffer(capacity: bytes.count + 16 + (isFirst ? 512 : 0))
        if isFirst { buffer.writeBytes(head.bytes) }
        if !bytes.isEmpty {
            if chunked { buffer.writeString(String(bytes.count, radix: 16) + "\r\n") }
            buffer.writeBytes(bytes)
            if chunked { buffer.writeString("\r\n") }
        }
        try await channel.writeAndFlush(buffer)
    }

    /// Sends a value as one line of JSON.
    /// - Throws: when the client has gone.
    func write(line value: some Encodable) async throws { try await write(try JSON.encode(value) + [13, 10]) }

    /// Sends the end.
    /// - Throws: when the client has gone.
    func end() async throws {
        try await begin()
        state.withLock { $0 = .ended }
        if chunked { try await channel.writeAndFlush(ByteBuffer(string: "0\r\n\r\n")) }
    }
}
