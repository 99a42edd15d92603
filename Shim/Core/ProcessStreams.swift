import CLinux
import Faults
import Linux

// ProcessStreams owns the standard streams of one process, the container's first or an exec:
//
//   clients ──► stdin (pipe or terminal) ──► process
//   process ──► stdout, stderr (pipes, or one terminal) ──► log, clients
//
// It neither starts the process nor knows how it ended. One object serves every run of a
// container; clients that come between two runs wait for the next.

/// The streams of a process.
final class ProcessStreams {
    /// What feeds the process's standard input.
    package enum Input: String, Sendable, CaseIterable {
        /// Nothing: it is /dev/null.
        case none
        /// Clients, until the first that gave input ends.
        case once
        /// Clients, until the process ends or `closeStdin`.
        case open
    }

    /// The process's own ends, for whoever starts it; closed when this value goes.
    struct ChildEnds: ~Copyable {
        var stdin: FileDescriptor?
        var stdout: FileDescriptor
        var stderr: FileDescriptor
    }

    private final class Output {
        let stream: OutputStream
        let descriptor: FileDescriptor
        let pages: PageBuffer
        var filled = 0
        var watch: EventLoop.Watch?

        init(_ stream: OutputStream, _ descriptor: consuming FileDescriptor) throws(Errno) {
            self.stream = stream
            self.descriptor = descriptor
            pages = try PageBuffer(byteCount: ProcessStreams.readBytes)
        }
    }

    /// Whether input can be given to the process.
    private enum FeedPhase {
        /// Not yet: its pipe or terminal is still to come, so input stays where it is.
        case ahead
        /// Yes.
        case open
        /// No more: input is thrown away.
        case over
    }

    /// The most that one read(2) takes.
    static let readBytes = 65_536
    /// Input taken from a client at once.
    static let inputBytes = 16_384
    /// How long output that does not end is waited for after its process has: something of it
    /// runs on and holds the pipe.
    static let graceMilliseconds: Int64 = 1_000
    /// The most that waits for one client after the process's end.
    static let drainBytesMax = 4 << 20
    /// After this long without output its memory is given back.
    static let restMilliseconds: Int64 = 2_000

    let isTerminal: Bool
    private let input: Input
    private let log: (any LogDriver)?
    private let loop: EventLoop
    private var clients: [StreamClient] = []
    private var outputs: [Output] = []
    private var feed: FileDescriptor?
    private var feedWatch: EventLoop.Watch?
    private var feedPending: [UInt8] = []
    private var feedEnds = false
    private var feedPhase = FeedPhase.ahead
    private var isReading = false
    private var isHeld = false
    private var ended: (() -> Void)?
    private var graceAlarm: EventLoop.Alarm?
    private var restAlarm: EventLoop.Alarm?
    private var hasOutputSinceRest = false
    private var size: (width: UInt16, height: UInt16)?

    init(isTerminal: Bool, input: Input, log: (any LogDriver)?, loop: EventLoop) {
        self.isTerminal = isTerminal
        self.input = input
        self.log = log
        self.loop = loop
    }

    // MARK: - A run begins

    /// Makes the pipes of a run without a terminal.
    func openPipes() throws(Errno) -> ChildEnds {
        close()
        var childStdin: FileDescriptor?
        if input != .none {
            let (readEnd, writeEnd) = try FileDescriptor.pipe().split()
            childStdin = FileDescriptor(owning: readEnd)
            let ours = FileDescriptor(owning: writeEnd)
            try ours.setNonBlocking(true)
            feed = consume ours
        }
        feedPhase = input == .none ? .over : .open
        let stdout = try openOutput(.stdout)
        let stderr = try openOutput(.stderr)
        updateInputInterest()
        return ChildEnds(stdin: childStdin, stdout: stdout, stderr: stderr)
    }

    private func openOutput(_ stream: OutputStream) throws(Errno) -> FileDescriptor {
        let (readEnd, writeEnd) = try FileDescriptor.pipe().split()
        let theirs = FileDescriptor(owning: writeEnd)
        let ours = FileDescriptor(owning: readEnd)
        try ours.setNonBlocking(true)
        outputs.append(try Output(stream, ours))
        return theirs
    }

    /// Takes the terminal of a run, which the runtime sent.
    func adopt(terminal master: consuming FileDescriptor) throws(Errno) {
        close()
        try master.setNonBlocking(true)
        let writing = try master.duplicate()
        if let size { try PseudoTerminal.resize(writing.rawValue, height: size.height, width: size.width) }
        outputs = [try Output(.stdout, master)]
        if input != .none { feed = consume writing }
        feedPhase = input == .none ? .over : .open
        writeInput()
    }

    /// Begins to read output: the runtime has made the process, so that nothing of the runtime's
    /// own words is among it.
    func startReading() {
        isReading = true
        updateReading()
    }

    /// What the runtime wrote to standard error before it failed to make the process.
    func unreadErrors() -> String {
        guard let output = outputs.last, !isReading else { return "" }
        let buffer = UnsafeMutableRawBufferPointer(rebasing: output.pages.bytes[..<4_096])
        // Nothing there, or nothing readable, is an empty text.
        guard let count = try? output.descriptor.read(into: buffer) else { return "" }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    // MARK: - Clients

    /// Whether one more client is taken.
    var isFull: Bool { clients.count >= StreamLimits.clientsMax }

    /// Adds a client; `early` is input that came before it was one.
    func add(_ client: StreamClient, early: [UInt8] = []) {
        clients.append(client)
        client.handlers = StreamClient.Handlers(
            readable: { [unowned self, unowned client] in takeInput(from: client) },
            taken: { [unowned self] in updateHold() },
            gone: { [unowned self, unowned client] in lost(client) })
        if client.givesStdin && !early.isEmpty { feedPending.append(contentsOf: early) }
        // Input of a client that gives none is read and thrown away, so that its end is seen.
        client.wantsInput = !client.givesStdin
        writeInput()
    }

    private func lost(_ client: StreamClient) {
        clients.removeAll { $0 === client }
        if client.givesStdin { endInputOnce() }
        updateHold()
    }

    // MARK: - Input

    private func takeInput(from client: StreamClient) {
        withUnsafeTemporaryAllocation(byteCount: ProcessStreams.inputBytes, alignment: 16) { buffer in
            guard let count = client.receive(into: buffer) else { return }
            if count == 0 {
                if client.givesStdin { endInputOnce() }
                return
            }
            guard client.givesStdin, feedPhase == .open, !feedEnds else { return }
            feedPending.append(contentsOf: buffer[..<count])
        }
        writeInput()
    }

    /// The end of a client's input ends the process's input, once; a terminal has no such end.
    private func endInputOnce() {
        if input == .once && !isTerminal { closeInput() }
    }

    /// Ends the process's input behind what waits for it.
    func closeInput() {
        feedEnds = true
        writeInput()
    }

    private func writeInput() {
        while !feedPending.isEmpty, let number = feed?.rawValue {
            let count = feedPending.withUnsafeBytes { write(number, $0.baseAddress, $0.count) }
            if count > 0 {
                feedPending.removeFirst(count)
            } else {
                let error = Errno.current
                if error == .interrupted { continue }
                if error == .again { break }
                // The process reads no more; what others send is thrown away.
                feedPending = []
                dropFeed()
            }
        }
        if feedPending.isEmpty {
            feedPending = []
            if feedEnds && !isTerminal { dropFeed() }
        }
        updateInputInterest()
    }

    private func updateInputInterest() {
        let isWaiting = !feedPending.isEmpty
        if isWaiting, feedWatch == nil, let number = feed?.rawValue {
            // Without a watch input waits until the next client speaks; nothing is lost.
            feedWatch = try? loop.watch(number, .writable) { [unowned self] _ in writeInput() }
        } else if !isWaiting, let watch = feedWatch {
            loop.forget(watch)
            feedWatch = nil
        }
        for client in clients where client.givesStdin { client.wantsInput = !isWaiting && feedPhase != .ahead }
    }

    private func dropFeed() {
        if let feedWatch { loop.forget(feedWatch) }
        feedWatch = nil
        feed = nil
        feedPhase = .over
    }

    // MARK: - Output

    private func updateReading() {
        let shouldRead = isReading && (!isHeld || ended != nil)
        for output in outputs {
            if shouldRead, output.watch == nil {
                // A descriptor that cannot be watched (kernel memory) is read until its end by
                // the drain that follows the process's end.
                output.watch = try? loop.watch(output.descriptor.rawValue, .readable) { [unowned self, unowned output] _ in
                    if !read(output) { lost(output) }
                }
            } else if !shouldRead, let watch = output.watch {
                // Forgotten, not muted: a hang-up cannot be muted and would wake us without end.
                loop.forget(watch)
                output.watch = nil
            }
        }
    }

    /// Takes one read's worth of output; false at its end.
    private func read(_ output: Output) -> Bool {
        let free = UnsafeMutableRawBufferPointer(rebasing: output.pages.bytes[output.filled...])
        let count = CLinux.read(output.descriptor.rawValue, free.baseAddress, free.count)
        guard count > 0 else {
            // A terminal's end is an error: EIO.
            return count < 0 && (Errno.current == .again || Errno.current == .interrupted)
        }
        let fresh = UnsafeRawBufferPointer(rebasing: free[..<count])
        // Something of an ended process writes on and nobody takes it: enough.
        if ended != nil, clients.contains(where: { $0.pendingBytes > ProcessStreams.drainBytesMax }) { return false }
        for client in clients where client.takes(output.stream) { client.send(fresh, of: output.stream, framed: !isTerminal) }
        if let log {
            output.filled += count
            keep(output, log, isLast: false)
        }
        noteOutput()
        updateHold()
        return true
    }

    private func keep(_ output: Output, _ log: any LogDriver, isLast: Bool) {
        let bytes = UnsafeRawBufferPointer(rebasing: output.pages.bytes[..<output.filled])
        let taken = log.take(bytes, of: output.stream, isLast: isLast)
        output.filled -= taken
        if output.filled > 0, taken > 0, let start = output.pages.bytes.baseAddress { memmove(start, start + taken, output.filled) }
    }

    private func lost(_ output: Output) {
        if let watch = output.watch { loop.forget(watch) }
        output.watch = nil
        if let log, output.filled > 0 { keep(output, log, isLast: true) }
        outputs.removeAll { $0 === output }
        if outputs.isEmpty { finishIfEnded() }
    }

    private func updateHold() {
        let most = clients.lazy.map(\.pendingBytes).max() ?? 0
        let held = isHeld ? most > StreamLimits.pendingBytesMax / 2 : most > StreamLimits.pendingBytesMax
        guard held != isHeld else { return }
        isHeld = held
        updateReading()
    }

    private func noteOutput() {
        hasOutputSinceRest = true
        if restAlarm == nil { armRest() }
    }

    private func armRest() {
        restAlarm = loop.after(ProcessStreams.restMilliseconds) { [weak self] in self?.restIfQuiet() }
    }

    private func restIfQuiet() {
        restAlarm = nil
        if hasOutputSinceRest {
            hasOutputSinceRest = false
            return armRest()
        }
        for output in outputs where output.filled == 0 { output.pages.discard() }
        log?.rest()
    }

    // MARK: - Terminal size

    /// Sets the terminal's size, now or when there is one.
    func resize(width: UInt16, height: UInt16) throws(Fault) {
        guard isTerminal else { throw Fault(.conflict, "the process has no terminal") }
        size = (width, height)
        guard let master = outputs.first else { return }
        do { try PseudoTerminal.resize(master.descriptor.rawValue, height: height, width: width) } catch {
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["resize the terminal"])
        }
    }

    // MARK: - A run ends

    /// The process has ended: takes what output is left, a second at most for output that
    /// something else holds open, closes the clients behind it and calls `completion`.
    func drain(_ completion: @escaping () -> Void) {
        ended = completion
        isReading = true
        updateReading()
        if outputs.isEmpty { return finishIfEnded() }
        graceAlarm = loop.after(ProcessStreams.graceMilliseconds) { [unowned self] in
            graceAlarm = nil
            for output in outputs {
                // One last look: the loop may have been busy with the other stream.
                while read(output), output.filled < ProcessStreams.readBytes, isReadable(output) {}
                lost(output)
            }
        }
    }

    private func isReadable(_ output: Output) -> Bool {
        var poll = pollfd(fd: output.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        return CLinux.poll(&poll, 1, 0) > 0 && poll.revents & Int16(POLLIN) != 0
    }

    private func finishIfEnded() {
        guard let completion = ended else { return }
        ended = nil
        if let graceAlarm { loop.cancel(graceAlarm) }
        graceAlarm = nil
        let leaving = clients
        clients = []
        for client in leaving {
            client.handlers = StreamClient.Handlers()
            client.finish()
        }
        close()
        completion()
    }

    /// Closes the descriptors of a run; clients stay.
    func close() {
        for output in outputs {
            if let watch = output.watch { loop.forget(watch) }
        }
        outputs = []
        dropFeed()
        feedPending = []
        feedEnds = false
        feedPhase = .ahead
        isReading = false
        isHeld = false
    }

    /// Closes everything, clients too.
    func end() {
        close()
        let leaving = clients
        clients = []
        for client in leaving {
            client.handlers = StreamClient.Handlers()
            client.finish()
        }
        if let restAlarm { loop.cancel(restAlarm) }
        restAlarm = nil
    }
}
