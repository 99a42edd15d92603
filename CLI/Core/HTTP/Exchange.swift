import CLinux
import Faults
import Linux

/// One request on one connection and its answer. Reading the answer also drives the request's
/// own body: a piece is sent only when the socket takes it and read only when the last one is
/// gone, so neither side ever holds more than a piece.
package final class Exchange {
    /// The most bytes of a body that are held at once.
    private static let pieceSize = 64 << 10

    private enum Upload {
        case done
        case sending(ArraySlice<UInt8>, source: CInt?)
    }

    private let socket: FileDescriptor
    private let request: Request
    private var upload: Upload
    private var received: ArraySlice<UInt8> = []
    private var body = BodyDecoder(.fixed(0))
    private var closed = false

    /// Sends the head of `request` and as much of its body as is known; reads nothing yet.
    init(_ request: Request, on socket: consuming FileDescriptor, prefix: String, host: String) throws(Fault) {
        self.socket = socket
        self.request = request
        var first = request.head(prefix: prefix, host: host)
        switch request.body {
        case .none: upload = .sending(first[...], source: nil)
        case .json(let bytes):
            first += bytes
            upload = .sending(first[...], source: nil)
        case .stream(let descriptor, _): upload = .sending(first[...], source: descriptor)
        }
        while case .sending(let bytes, nil) = upload, !bytes.isEmpty { try send() }
        if case .sending(_, nil) = upload { upload = .done }
    }

    /// Waits for the head of the answer.
    func readHead() throws(Fault) -> ResponseHead {
        while true {
            if let end = ResponseHead.end(in: received) {
                let head = try ResponseHead(parsing: received.prefix(end))
                received = received.dropFirst(end)
                if head.status == 100 { continue }
                body = BodyDecoder(try head.bodyLength(method: request.method))
                return head
            }
            guard received.count < ResponseHead.bytesMax else { throw Fault(.failed, "the daemon's answer has too long a head") }
            guard !closed else { throw Fault(.unavailable, "error during connect: the daemon closed the connection without an answer") }
            try pump()
        }
    }

    /// The next piece of the body; nil at its end.
    package func next() throws(Fault) -> [UInt8]? {
        while !body.isComplete {
            if !received.isEmpty {
                let (payload, consumed) = try body.decode(received)
                received = received.dropFirst(consumed)
                if !payload.isEmpty { return payload }
                continue
            }
            if closed {
                guard body.mayEnd else { throw Fault(.unavailable, "unexpected EOF") }
                return nil
            }
            try pump()
        }
        return nil
    }

    /// The whole body, at most `limit` bytes.
    func readAll(limit: Int) throws(Fault) -> [UInt8] {
        var all: [UInt8] = []
        while let piece = try next() {
            all += piece
            guard all.count <= limit else { throw Fault(.tooLarge, "the daemon's answer is larger than \(limit) bytes") }
        }
        return all
    }

    /// Whether another request may follow on this connection.
    var isReusable: Bool {
        if case .done = upload { body.isComplete && received.isEmpty && !closed } else { false }
    }

    /// The descriptor to wait for, for callers that wait for several things.
    package var descriptor: CInt { socket.rawValue }

    /// Whether ``next()`` would find something without reading from the socket.
    package var hasBuffered: Bool { !received.isEmpty || closed || body.isComplete }

    /// The connection as a raw stream, with what was already read of it.
    func rawStream(isMultiplexed: Bool) throws(Fault) -> RawStream {
        do { return RawStream(socket: try socket.duplicate().release(), early: Array(received), isMultiplexed: isMultiplexed) } catch {
            throw Fault(.failed, "duplicate the connection: \(error)", errno: error.rawValue)
        }
    }

    /// A second descriptor of the connection, for the next request on it.
    func duplicateSocket() throws(Errno) -> FileDescriptor { try socket.duplicate() }

    // MARK: - The wire

    /// Waits until one step is possible in either direction, and takes it.
    private func pump() throws(Fault) {
        guard case .sending(let pending, let source?) = upload else { return try receive() }
        var polls = [pollfd(fd: socket.rawValue, events: Int16(POLLIN | (pending.isEmpty ? 0 : POLLOUT)), revents: 0)]
        if pending.isEmpty { polls.append(pollfd(fd: source, events: Int16(POLLIN), revents: 0)) }
        do throws(Errno) { _ = try call { poll(&polls, nfds_t(polls.count), -1) } } catch { throw wire(error) }
        if polls[0].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { return try receive() }
        if polls[0].revents & Int16(POLLOUT) != 0 { return try send() }
        if polls.count > 1, polls[1].revents != 0 { upload = try nextPiece(source) }
    }

    private func nextPiece(_ source: CInt) throws(Fault) -> Upload {
        var piece = [UInt8](repeating: 0, count: Exchange.pieceSize)
        let count: Int
        do throws(Errno) { count = try call { piece.withUnsafeMutableBytes { read(source, $0.baseAddress, $0.count) } } } catch {
            throw Fault(.failed, "read the input: \(error)", errno: error.rawValue)
        }
        if count == 0 { return .sending(Array("0\r\n\r\n".utf8)[...], source: nil) }
        return .sending((Array("\(String(count, radix: 16))\r\n".utf8) + piece.prefix(count) + [13, 10])[...], source: source)
    }

    private func send() throws(Fault) {
        guard case .sending(let pending, let source) = upload else { return }
        // While there is a source, the loop must not wait here: the answer may come meanwhile.
        let flags = CInt(MSG_NOSIGNAL) | (source == nil ? 0 : CInt(MSG_DONTWAIT))
        let sent: Int
        do throws(Errno) {
            sent = try call { pending.withUnsafeBytes { CLinux.send(socket.rawValue, $0.baseAddress, $0.count, flags) } }
        } catch {
            // An engine that refuses the rest of a body answers and closes; the answer is what counts.
            if error == .brokenPipe || error == .connectionReset {
                upload = .done
                return
            }
            if error == .again { return }
            throw wire(error)
        }
        let rest = pending.dropFirst(sent)
        upload = rest.isEmpty && source == nil ? .done : .sending(rest, source: source)
    }

    private func receive() throws(Fault) {
        if case .sending(let pending, nil) = upload, !pending.isEmpty { try send() }
        var piece = [UInt8](repeating: 0, count: Exchange.pieceSize)
        let count: Int
        do throws(Errno) { count = try call { piece.withUnsafeMutableBytes { read(socket.rawValue, $0.baseAddress, $0.count) } } } catch {
            guard error == .connectionReset else { throw wire(error) }
            closed = true
            return
        }
        if count == 0 { closed = true } else { received += piece.prefix(count) }
    }

    private func wire(_ error: Errno) -> Fault { Fault(.unavailable, "error during connect: \(error)", errno: error.rawValue) }
}
