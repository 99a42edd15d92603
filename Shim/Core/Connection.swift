import CLinux
import Faults
import Linux
import ShimProtocol

// Connection owns one client of the control socket: its bytes, its lines, and the descriptors
// that come beside them. What the requests mean is not its business.

/// A control connection.
final class Connection {
    /// Answers and events that wait for a client; one that lets more wait is cut off.
    static let pendingBytesMax = 4 << 20

    /// What one read takes: requests are small, and memory once used stays with the process.
    static let receiveBytes = 8_192

    /// Whether it hears events.
    var isSubscribed = false
    /// Called with each request and the descriptor that came with it; whoever is called owns that.
    var received: (ShimRequest, CInt?) -> Void = { _, descriptor in if let descriptor { CLinux.close(descriptor) } }
    /// Called when it has ended.
    var closed: () -> Void = {}

    private let loop: EventLoop
    private var descriptor: FileDescriptor?
    private var watch: EventLoop.Watch?
    private var lines = LineBuffer()
    private var linesBefore = 0
    private var passed: [(line: Int, descriptor: CInt)] = []
    private var pending: [UInt8] = []
    private var isClosing = false

    init(_ descriptor: consuming FileDescriptor, loop: EventLoop) throws(Errno) {
        self.loop = loop
        let number = descriptor.rawValue
        self.descriptor = consume descriptor
        watch = try loop.watch(number, .readable) { [self] in ready($0) }
    }

    /// Whether anything still waits to be sent.
    var hasPending: Bool { descriptor != nil && !pending.isEmpty }

    /// Sends a message.
    func send(_ message: ShimMessage) {
        guard descriptor != nil else { return }
        do throws(Fault) { pending.append(contentsOf: try LineCodec.encode(message)) } catch {
            // Only a message beyond the limit of a line cannot be encoded; the client learns that.
            guard case .reply(let reply) = message, let line = try? LineCodec.encode(ShimReply(id: reply.id, .failed(WireFault(error))))
            else { return }
            pending.append(contentsOf: line)
        }
        flush()
        if pending.count > Connection.pendingBytesMax { close() }
    }

    /// Sends what waits, then closes.
    func finish() {
        isClosing = true
        if pending.isEmpty { close() }
    }

    /// Gives the socket away to become a stream: with it what was not sent yet, and what the
    /// client sent after its request.
    func takeOver() -> (socket: CInt, unsent: [UInt8], early: [UInt8])? {
        guard let number = descriptor.take()?.release() else { return nil }
        if let watch { loop.forget(watch) }
        watch = nil
        closePassed()
        defer { closed() }
        return (number, pending, lines.takeRest())
    }

    /// Closes at once.
    func close() {
        guard descriptor != nil else { return }
        if let watch { loop.forget(watch) }
        watch = nil
        descriptor = nil
        pending = []
        closePassed()
        let closed = closed
        self.closed = {}
        received = { _, descriptor in if let descriptor { CLinux.close(descriptor) } }
        closed()
    }

    private func closePassed() {
        for (_, number) in passed { CLinux.close(number) }
        passed = []
    }

    private func ready(_ ready: EventLoop.Interest) {
        if ready.contains(.writable) { flush() }
        if ready.contains(.readable) { receive() }
        if descriptor != nil, ready.contains(.error) || (ready.contains(.hangUp) && !ready.contains(.readable)) { close() }
    }

    private func receive() {
        do {
            guard let (bytes, descriptors) = try receiveOnce() else { return }
            guard !bytes.isEmpty else {
                for number in descriptors { CLinux.close(number) }
                return close()
            }
            note(descriptors, with: bytes)
            lines.append(bytes)
            while descriptor != nil, let line = try lines.next() {
                linesBefore += 1
                handle(line, descriptor: takePassed(line: linesBefore))
            }
        } catch {
            // A broken connection, or a line that never ends: nothing more can be understood.
            close()
        }
    }

    private func receiveOnce() throws(Errno) -> (bytes: [UInt8], descriptors: [CInt])? {
        guard descriptor != nil else { return nil }
        // Safe because of the line before; a descriptor cannot be bound by `if let` without moving it out.
        do throws(Errno) { return try UnixSocket.receive(limit: Connection.receiveBytes, on: descriptor!) } catch {
            if error == .again { return nil }
            throw error
        }
    }

    /// The kernel ends a read behind the message that carried descriptors, so they belong to the
    /// last line that begins in these bytes.
    private func note(_ descriptors: [CInt], with bytes: [UInt8]) {
        guard let first = descriptors.first else { return }
        for surplus in descriptors.dropFirst() { CLinux.close(surplus) }
        let ends = bytes.dropLast().count { $0 == UInt8(ascii: "\n") }
        passed.append((linesBefore + 1 + ends, first))
    }

    private func takePassed(line: Int) -> CInt? {
        guard let index = passed.firstIndex(where: { $0.line == line }) else { return nil }
        return passed.remove(at: index).descriptor
    }

    private func handle(_ line: [UInt8], descriptor: CInt?) {
        do throws(Fault) {
            let request = try LineCodec.decode(ShimRequest.self, from: line)
            received(request, descriptor)
        } catch {
            if let descriptor { CLinux.close(descriptor) }
            send(.reply(ShimReply(id: Connection.number(of: line), .failed(WireFault(error)))))
        }
    }

    /// The number of a request that cannot be understood otherwise, 0 where not even that is there.
    private static func number(of line: [UInt8]) -> UInt64 {
        struct Numbered: Decodable { var id: UInt64 }
        // A line without a number is answered as number 0.
        return (try? LineCodec.decode(Numbered.self, from: line))?.id ?? 0
    }

    private func flush() {
        guard let number = descriptor?.rawValue else { return }
        while !pending.isEmpty {
            let sent = pending.withUnsafeBytes { cais_send_parts(number, nil, 0, $0.baseAddress, $0.count) }
            if sent < 0 {
                let error = Errno.current
                if error == .interrupted { continue }
                if error == .again { break }
                return close()
            }
            pending.removeFirst(sent)
        }
        if pending.isEmpty && isClosing { return close() }
        if let watch { loop.change(watch, pending.isEmpty ? .readable : [.readable, .writable]) }
    }
}
