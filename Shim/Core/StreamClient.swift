import CLinux
import Linux

// StreamClient owns one attached socket: what goes to it, what waits for it, and when it is too
// slow to be waited for.

/// Bounds of attached clients.
package enum StreamLimits {
    /// Output that waits for one client; with more the process's output is no longer read, so
    /// that the process waits for the client, as it would for a slow terminal.
    static let pendingBytesMax = 262_144
    /// The most clients of one process.
    static let clientsMax = 64
    /// How long a client that owes the taking of output may take none before it is cut off, when
    /// the command line says nothing else.
    package static let stallSecondsDefault = 300
}

/// Counts sockets that still have output to take, so that the shim does not leave before them.
final class OpenClients {
    var count = 0
}

/// A socket that shows a process's output and feeds its input.
final class StreamClient {
    /// What happens to a client, for the streams it belongs to.
    struct Handlers {
        /// Bytes may be read from it.
        var readable: () -> Void = {}
        /// Some of what waited was taken.
        var taken: () -> Void = {}
        /// It is gone.
        var gone: () -> Void = {}
    }

    let givesStdin: Bool
    let takesStdout: Bool
    let takesStderr: Bool
    var handlers = Handlers()
    /// Whether its input may be read now.
    var wantsInput = false { didSet { updateInterest() } }

    private let loop: EventLoop
    private let descriptor: FileDescriptor
    private let open: OpenClients
    private let stallMilliseconds: Int64
    private var watch: EventLoop.Watch?
    private var stallAlarm: EventLoop.Alarm?
    private var pending: [UInt8] = []
    private var pendingFrom = 0
    private var lastTaken: Int64 = 0
    private var isClosing = false
    private var inputEnded = false

    init(
        _ descriptor: consuming FileDescriptor, stdin: Bool, stdout: Bool, stderr: Bool, stallMilliseconds: Int64, loop: EventLoop,
        open: OpenClients
    ) throws(Errno) {
        self.descriptor = descriptor
        self.loop = loop
        self.open = open
        self.stallMilliseconds = stallMilliseconds
        givesStdin = stdin
        takesStdout = stdout
        takesStderr = stderr
        watch = try loop.watch(self.descriptor.rawValue, []) { [self] in ready($0) }
        open.count += 1
    }

    /// How much waits for it.
    var pendingBytes: Int { pending.count - pendingFrom }

    /// Whether it is one that takes this stream.
    func takes(_ stream: OutputStream) -> Bool {
        switch stream {
        case .stdout: takesStdout
        case .stderr: takesStderr
        }
    }

    /// Sends output, or keeps what the socket does not take now. With `framed` each piece has
    /// Docker's eight-byte header: stream, three zeros, length.
    func send(_ payload: UnsafeRawBufferPointer, of stream: OutputStream, framed: Bool) {
        guard watch != nil, !isClosing else { return }
        withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { header in
            header.storeBytes(of: UInt32(stream.rawValue).littleEndian, as: UInt32.self)
            header.storeBytes(of: UInt32(payload.count).bigEndian, toByteOffset: 4, as: UInt32.self)
            let headerCount = framed ? 8 : 0
            var sent = 0
            if pendingBytes == 0 {
                sent = cais_send_parts(descriptor.rawValue, header.baseAddress, headerCount, payload.baseAddress, payload.count)
                if sent < 0 {
                    guard Errno.current == .again || Errno.current == .interrupted else { return drop() }
                    sent = 0
                }
                if sent == headerCount + payload.count { return }
                lastTaken = Clock.monotonicMilliseconds()
            }
            if sent < headerCount { pending.append(contentsOf: header[sent..<headerCount]) }
            pending.append(contentsOf: payload[max(0, sent - headerCount)...])
        }
        guard watch != nil else { return }
        updateInterest()
        armStall()
    }

    /// Sends bytes that come before any output: the rest of a control connection that became this.
    func sendFirst(_ bytes: [UInt8]) {
        guard watch != nil, !bytes.isEmpty else { return }
        pending = bytes
        lastTaken = Clock.monotonicMilliseconds()
        sendPending()
        updateInterest()
        armStall()
    }

    /// Reads input; 0 at its end, nil when there is none now or the client is gone.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        guard watch != nil, !inputEnded else { return nil }
        let got = cais_receive(descriptor.rawValue, buffer.baseAddress, buffer.count)
        if got > 0 { return got }
        if got < 0 {
            let error = Errno.current
            if error == .again || error == .interrupted { return nil }
        }
        inputEnded = true
        updateInterest()
        return 0
    }

    /// Sends what waits, then closes.
    func finish() {
        isClosing = true
        wantsInput = false
        if pendingBytes == 0 { drop() }
    }

    /// Closes at once.
    func drop() {
        guard let watch else { return }
        self.watch = nil
        loop.forget(watch)
        if let stallAlarm { loop.cancel(stallAlarm) }
        stallAlarm = nil
        pending = []
        pendingFrom = 0
        discardInput()
        // Ends both directions now; the number is closed with the object.
        shutdown(descriptor.rawValue, CInt(SHUT_RDWR))
        open.count -= 1
        let gone = handlers.gone
        handlers = Handlers()
        gone()
    }

    /// Takes input nobody wants any more: closing a socket with unread input would show the other
    /// end a reset instead of an end.
    private func discardInput() {
        withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 16) { scratch in
            for _ in 0..<64 where cais_receive(descriptor.rawValue, scratch.baseAddress, scratch.count) <= 0 { return }
        }
    }

    private func ready(_ ready: EventLoop.Interest) {
        if ready.contains(.writable) { sendPending() }
        guard watch != nil else { return }
        if ready.contains(.readable) { handlers.readable() }
        guard watch != nil else { return }
        if ready.contains(.error) || (ready.contains(.hangUp) && !ready.contains(.readable)) { drop() }
    }

    private func sendPending() {
        let sent = pending.withUnsafeBytes { bytes in
            cais_send_parts(descriptor.rawValue, nil, 0, bytes.baseAddress.map { $0 + pendingFrom }, bytes.count - pendingFrom)
        }
        guard sent >= 0 else {
            let error = Errno.current
            if error != .again && error != .interrupted { drop() }
            return
        }
        lastTaken = Clock.monotonicMilliseconds()
        pendingFrom += sent
        if pendingBytes == 0 {
            pending = []
            pendingFrom = 0
            if isClosing { return drop() }
            updateInterest()
        } else if pendingFrom > StreamLimits.pendingBytesMax {
            pending.removeFirst(pendingFrom)
            pendingFrom = 0
        }
        handlers.taken()
    }

    private func updateInterest() {
        guard let watch else { return }
        var interest: EventLoop.Interest = []
        if wantsInput && !inputEnded { interest.insert(.readable) }
        if pendingBytes > 0 { interest.insert(.writable) }
        loop.change(watch, interest)
    }

    private func armStall() {
        guard stallAlarm == nil, pendingBytes > 0 else { return }
        stallAlarm = loop.after(stallMilliseconds) { [self] in
            stallAlarm = nil
            guard pendingBytes > 0 else { return }
            if Clock.monotonicMilliseconds() - lastTaken >= stallMilliseconds { drop() } else { armStall() }
        }
    }
}
