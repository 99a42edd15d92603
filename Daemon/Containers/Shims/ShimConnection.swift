// ShimConnection owns the daemon's end of one shim's control socket: numbered requests out,
// answers and events in (docs/protocols/shim.md).
import CLinux
import EngineStore
import Faults
import Linux
import ShimProtocol
import Synchronization

/// A connection to a shim. Requests may overlap; events come in order, on the hub's thread.
final class ShimConnection: Sendable {
    /// How long a shim may take to answer, save for orders that wait for a process by design.
    static let answerSecondsMax = 120
    /// How long the socket may refuse to take a request.
    private static let sendSecondsMax = 10

    private typealias Answer = Result<ShimReply.Outcome, Fault>
    private struct State {
        var next: UInt64 = 1
        var pending: [UInt64: CheckedContinuation<Answer, Never>] = [:]
        var lines = LineBuffer()
        var ended = false
    }

    private let socket: FileDescriptor
    private let state = Mutex(State())
    /// Serialises writers, so that two requests' bytes never mix.
    private let writing = Mutex(())
    private let onEvent: @Sendable (ShimEvent) -> Void
    private let onEnd: @Sendable () -> Void

    /// The socket's number, for the hub.
    var number: CInt { socket.rawValue }

    /// Connects to the shim whose socket is at `path`. Blocks a moment.
    /// - Parameters:
    ///   - onEvent: called for each event, once ``subscribe`` was requested; must not block.
    ///   - onEnd: called once, when the shim has closed.
    static func connect(
        _ path: String, onEvent: @escaping @Sendable (ShimEvent) -> Void, onEnd: @escaping @Sendable () -> Void
    ) throws(Fault) -> ShimConnection {
        let socket = try system("connect to the shim at \(path)", .unavailable) { () throws(Errno) in
            let socket = try UnixSocket.connect(path)
            let number = socket.rawValue
            var patience = timeval(tv_sec: sendSecondsMax, tv_usec: 0)
            try call { setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size)) }
            return socket
        }
        let connection = ShimConnection(socket: socket, onEvent: onEvent, onEnd: onEnd)
        try ShimHub.shared.add(connection)
        return connection
    }

    private init(socket: consuming FileDescriptor, onEvent: @escaping @Sendable (ShimEvent) -> Void, onEnd: @escaping @Sendable () -> Void) {
        self.socket = socket
        self.onEvent = onEvent
        self.onEnd = onEnd
    }

    /// Sends an order and waits for its answer.
    /// - Parameters:
    ///   - passing: a descriptor that goes to the shim beside the request; taken over and closed here.
    ///   - seconds: how long the answer may take; nil waits as long as the shim lives.
    /// - Throws: the shim's own fault, or `unavailable` when it does not answer.
    @discardableResult
    func request(
        _ order: ShimRequest.Order, passing: CInt? = nil, within seconds: Int? = ShimConnection.answerSecondsMax
    ) async throws(Fault) -> ShimReply.Outcome {
        let id = state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
        let timer = seconds.map { seconds in
            Task {
                guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }  // cancelled: answered
                self.answer(id, .failure(Fault(.unavailable, "the shim gave no answer in \(seconds) seconds")))
            }
        }
        defer { timer?.cancel() }
        let answer: Answer = await withCheckedContinuation { continuation in
            let open = state.withLock { state in
                guard !state.ended else { return false }
                state.pending[id] = continuation
                return true
            }
            guard open else {
                if let passing { close(passing) }
                continuation.resume(returning: .failure(Fault(.unavailable, "the shim has ended")))
                return
            }
            Task { await self.send(ShimRequest(id: id, order), passing: passing) }
        }
        switch try answer.get() {
        case .failed(let fault): throw ClientWords.translate(fault.fault)
        case .done: return .done
        case .status(let status): return .status(status)
        case .exec(let status): return .exec(status)
        }
    }

    /// Whether the shim has closed the connection.
    var hasEnded: Bool { state.withLock { $0.ended } }

    /// Closes the connection; ``request`` and the events end as if the shim had closed it.
    func close() {
        _ = CLinux.shutdown(socket.rawValue, CInt(SHUT_RDWR))
    }

    private func close(_ descriptor: CInt) { _ = CLinux.close(descriptor) }

    private func send(_ request: ShimRequest, passing: CInt?) async {
        do throws(Fault) {
            try await BlockingPool.shared.run { () throws(Fault) in
                defer { if let passing { self.close(passing) } }
                let line = try LineCodec.encode(request)
                let failure: Errno? = self.writing.withLock { _ in
                    do throws(Errno) {
                        try UnixSocket.send(line, descriptors: passing.map { [$0] } ?? [], on: self.socket)
                        return nil
                    } catch { return error }
                }
                if let failure { throw Fault(.unavailable, failure.description, errno: failure.rawValue, trail: ["send to the shim"]) }
            }
        } catch {
            answer(request.id, .failure(error))
        }
    }

    private func answer(_ id: UInt64, _ answer: Answer) {
        state.withLock { $0.pending.removeValue(forKey: id) }?.resume(returning: answer)
    }

    // MARK: - On the hub's thread

    /// Takes what has arrived; false when nothing more will.
    func receive() -> Bool {
        let number = socket.rawValue
        let got = withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { buffer -> Int in
            let got = recv(number, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
            if got > 0 { state.withLock { $0.lines.append(buffer[..<got]) } }
            return got
        }
        if got < 0 { return Errno.current == .again || Errno.current == .interrupted }
        if got == 0 { return false }
        do throws(Fault) {
            while let line = try nextLine() { handle(try LineCodec.decode(ShimMessage.self, from: line)) }
            return true
        } catch {
            // What is no message cannot be followed by one: the connection is of no use any more.
            return false
        }
    }

    /// Tells everybody who waits that the shim is gone.
    func ended() {
        let waiting = state.withLock { state in
            state.ended = true
            defer { state.pending = [:] }
            return state.pending.values.map { $0 }
        }
        for continuation in waiting { continuation.resume(returning: .failure(Fault(.unavailable, "the shim has ended"))) }
        onEnd()
    }

    private func nextLine() throws(Fault) -> [UInt8]? {
        var fault: Fault?
        let line: [UInt8]? = state.withLock { state in
            do throws(Fault) { return try state.lines.next() } catch {
                fault = error
                return nil
            }
        }
        if let fault { throw fault }
        return line
    }

    private func handle(_ message: ShimMessage) {
        switch message {
        case .reply(let reply): answer(reply.id, .success(reply.outcome))
        case .event(let event): onEvent(event)
        }
    }
}
