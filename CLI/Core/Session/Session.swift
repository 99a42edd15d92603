import CLinux
import EngineAPI
import Faults
import Linux
import OCISpec

/// An attached container or exec, seen from the client: one loop copies standard input to the
/// stream and the stream to standard output and error, passes signals and window sizes on, and
/// knows when it is over. It has one thread and holds at most one piece in each direction.
package final class Session {
    /// How it ended.
    package enum End: Sendable {
        /// The stream ended; with the answer to `wait` where one was waited for.
        case finished(WaitResponse?)
        /// The user typed the keys that detach.
        case detached
    }

    /// What the session copies and whom it tells.
    package struct Plan {
        /// Whether standard input is copied.
        package var forwardsStdin = false
        /// Whether the stream is a terminal's, without frames.
        package var isTerminal = false
        /// The keys that detach; nil where nothing detaches.
        package var detachKeys: DetachKeys?
        /// Signals to pass on.
        package var signals: [CInt] = []
        /// Told of each signal but ``SignalSource/windowChanged``.
        package var onSignal: (CInt) -> Void = { _ in }
        /// Told when the window's size changed.
        package var onResize: () -> Void = {}

        /// A plan that copies output only.
        package init() {}
    }

    private static let pieceSize = 64 << 10

    private let plan: Plan
    private let signals: SignalSource?
    private let wait: Exchange?
    /// Closed by ``endStream()`` alone.
    private var stream: CInt?
    private var early: [UInt8]
    private var demultiplexer = StreamDemultiplexer()
    private var scanner: DetachScanner?
    private var pending: ArraySlice<UInt8> = []
    private var readsInput: Bool
    private var answer: [UInt8] = []
    private var answered: Bool

    /// A session over `stream`; with `wait`, an exchange whose head has arrived.
    package init(_ stream: RawStream?, wait: Exchange? = nil, signals: SignalSource?, plan: Plan) {
        self.plan = plan
        self.wait = wait
        self.signals = signals
        self.stream = stream?.socket
        early = stream?.early ?? []
        scanner = plan.detachKeys.map { DetachScanner($0) }
        readsInput = plan.forwardsStdin && stream != nil
        answered = wait == nil
    }

    deinit { endStream() }

    /// Copies until it is over.
    package func run() throws(Fault) -> End {
        if !early.isEmpty {
            try write(early)
            early = []
        }
        while stream != nil || !answered {
            if try step() { return .detached }
        }
        guard wait != nil else { return .finished(nil) }
        return .finished(try JSON.decode(WaitResponse.self, from: answer))
    }

    private enum Source { case input, stream, signals, wait }

    /// Waits for one thing and deals with it; true where the user detached.
    private func step() throws(Fault) -> Bool {
        var sources: [Source] = []
        var polls: [pollfd] = []
        func watch(_ source: Source, _ descriptor: CInt, _ events: CInt) {
            sources.append(source)
            polls.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
        }
        if let number = stream { watch(.stream, number, POLLIN | (pending.isEmpty ? 0 : POLLOUT)) }
        if readsInput, pending.isEmpty { watch(.input, STDIN_FILENO, POLLIN) }
        if let signals { watch(.signals, signals.rawValue, POLLIN) }
        if let wait, !answered { watch(.wait, wait.descriptor, POLLIN) }
        let ready = wait.map { !answered && $0.hasBuffered } ?? false
        do throws(Errno) { _ = try call { poll(&polls, nfds_t(polls.count), ready ? 0 : -1) } } catch {
            throw Fault(.failed, "wait for the container: \(error)", errno: error.rawValue)
        }
        if ready { try readAnswer() }
        for (source, poll) in zip(sources, polls) where poll.revents != 0 {
            switch source {
            case .stream: try moveStream(poll.revents)
            case .input: if try readInput() { return true }
            case .signals: takeSignals()
            case .wait: if !answered { try readAnswer() }
            }
        }
        return false
    }

    private func endStream() {
        if let stream { close(stream) }
        stream = nil
        readsInput = false
    }

    private func moveStream(_ revents: Int16) throws(Fault) {
        if revents & Int16(POLLOUT) != 0 { flushInput() }
        guard revents & Int16(POLLIN | POLLHUP | POLLERR) != 0, let number = stream else { return }
        var piece = [UInt8](repeating: 0, count: Session.pieceSize)
        let count = piece.withUnsafeMutableBytes { CLinux.read(number, $0.baseAddress, $0.count) }
        if count < 0, Errno.current == .interrupted || Errno.current == .again { return }
        // A reset is how some engines end a stream whose container died with input unread.
        guard count > 0 else {
            endStream()
            return
        }
        try write(Array(piece.prefix(count)))
    }

    private func write(_ bytes: [UInt8]) throws(Fault) {
        if plan.isTerminal { return Output.write(bytes, to: STDOUT_FILENO) }
        try demultiplexer.print(bytes)
    }

    private func readInput() throws(Fault) -> Bool {
        var piece = [UInt8](repeating: 0, count: Session.pieceSize)
        let count = piece.withUnsafeMutableBytes { CLinux.read(STDIN_FILENO, $0.baseAddress, $0.count) }
        if count < 0, Errno.current == .interrupted || Errno.current == .again { return false }
        guard count > 0 else {
            readsInput = false
            if let number = stream { shutdown(number, CInt(SHUT_WR)) }
            return false
        }
        if scanner != nil {
            let (passed, detach) = scanner!.scan(piece.prefix(count))  // Safe because it was just checked.
            pending = passed[...]
            if detach { return true }
        } else {
            pending = piece.prefix(count)
        }
        flushInput()
        return false
    }

    /// Sends what the socket takes. A stream that takes nothing more has lost its reader: the rest
    /// of the input is of no use, the output may still be.
    private func flushInput() {
        guard let number = stream, !pending.isEmpty else { return }
        let sent = pending.withUnsafeBytes { CLinux.send(number, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)) }
        if sent > 0 { pending = pending.dropFirst(sent) } else if Errno.current != .again, Errno.current != .interrupted {
            pending = []
            readsInput = false
        }
    }

    private func takeSignals() {
        while let signal = signals?.next() {
            if signal == SignalSource.windowChanged { plan.onResize() } else { plan.onSignal(signal) }
        }
    }

    private func readAnswer() throws(Fault) {
        guard let wait else { return }
        guard let piece = try wait.next() else { return answered = true }
        answer += piece
        // The answer is one JSON object on one line; an engine may keep the connection open after it.
        if answer.last == UInt8(ascii: "\n") || answer.last == UInt8(ascii: "}") { answered = true }
    }
}
