import CLinux
import Faults
import Linux
import ShimCore
import ShimProtocol

// Session stands between this program's terminal and a process of a container: bytes both ways,
// signals, the window's size, the detach keys, and at the end the process's exit code.

/// An attached container or exec.
final class Session {
    /// Whether a key sequence leaves without ending the process.
    enum DetachKeys: Sendable { case none, controlPQ }

    private static let controlP: UInt8 = 16
    private static let controlQ: UInt8 = 17
    /// Signals that are passed on to the process.
    private static let forwarded: [CInt] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]

    private let client: ShimClient
    private let exec: String?
    private let isTerminal: Bool
    private let keys: DetachKeys
    private let followsRestarts: Bool
    private let signals: SignalDescriptor
    private let savedTerminal: RawTerminal?
    private var stream: FileDescriptor?
    private var givesInput = false
    private var inputOpen = false
    private var sawControlP = false
    private var demultiplexer = Demultiplexer()
    private var exitCode: Int32?
    private var willRestart = false

    init(_ client: ShimClient, exec: String?, isTerminal: Bool, keys: DetachKeys, followsRestarts: Bool = false) throws(Fault) {
        self.client = client
        self.exec = exec
        self.isTerminal = isTerminal
        self.keys = isTerminal ? keys : .none
        self.followsRestarts = followsRestarts
        do { signals = try SignalDescriptor(Session.forwarded + [SIGWINCH, SIGPIPE]) } catch {
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["take signals"])
        }
        savedTerminal = isTerminal ? RawTerminal(0) : nil
    }

    /// The end of a new stream to give to the shim.
    func openStream(stdin: Bool) throws(Fault) -> CInt {
        do {
            let (ours, theirs) = try UnixSocket.pair().split()
            stream = FileDescriptor(owning: ours)
            givesInput = stdin
            inputOpen = stdin
            return theirs
        } catch { throw Fault(.failed, error.description, errno: error.rawValue, trail: ["make a stream"]) }
    }

    /// Attaches to the container.
    func attach(stdin: Bool) throws(Fault) {
        let theirs = try openStream(stdin: stdin)
        defer { close(theirs) }
        try client.ask(.attach(.init(stdin: stdin)), passing: theirs)
        try resize()
    }

    /// Copies until the process has ended, or somebody detaches.
    /// - Returns: the exit code; 0 after detaching.
    func run() throws(Fault) -> Int32 {
        defer { savedTerminal?.restore() }
        savedTerminal?.enter()
        if exec != nil { try resize() }
        while true {
            try takeEvents()
            if stream == nil, let exitCode, !(willRestart && followsRestarts) { return exitCode }
            if stream == nil, client.isClosed { return exitCode ?? 0 }
            if stream == nil, willRestart, followsRestarts {
                willRestart = false
                exitCode = nil
                // Refused when the container has ended for good meanwhile; the event says so.
                do throws(Fault) { try attach(stdin: givesInput) } catch { if error.kind != .conflict { throw error } }
            }
            guard try wait() else { return 0 }
        }
    }

    /// Waits for anything and passes it on; false when somebody detached.
    private func wait() throws(Fault) -> Bool {
        let input: CInt = inputOpen && stream != nil ? 0 : -1
        var entries = [
            pollfd(fd: stream?.rawValue ?? -1, events: Int16(POLLIN), revents: 0), pollfd(fd: input, events: Int16(POLLIN), revents: 0),
            pollfd(fd: client.isClosed ? -1 : client.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: signals.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
        ]
        if poll(&entries, UInt(entries.count), -1) < 0 { return true }
        if entries[3].revents != 0 { try takeSignals() }
        if entries[0].revents != 0 { try takeOutput() }
        if entries[1].revents != 0, try !takeInput() { return false }
        if entries[2].revents != 0 { try client.receiveEvents() }
        return true
    }

    private func takeEvents() throws(Fault) {
        for event in try client.takeEvents() {
            switch event {
            case .exited(let exited) where exec == nil:
                exitCode = exited.exit.exitCode
                willRestart = exited.willRestart
                if !followsRestarts { willRestart = false }
            case .execExited(let exited) where exited.exec == exec: exitCode = exited.exitCode
            case .exited where exec != nil: exitCode = exitCode ?? 137
            case .started, .exited, .restarting, .execStarted, .execExited, .oom, .health: break
            }
        }
    }

    private func takeOutput() throws(Fault) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        guard let number = stream?.rawValue else { return }
        let count = buffer.withUnsafeMutableBytes { read(number, $0.baseAddress, $0.count) }
        guard count > 0 else {
            if count < 0 && Errno.current == .interrupted { return }
            stream = nil
            demultiplexer = Demultiplexer()
            return
        }
        if isTerminal {
            try put(buffer[..<count], on: 1)
        } else {
            for part in demultiplexer.take(buffer[..<count]) { try put(part.bytes, on: part.stream == .stdout ? 1 : 2) }
        }
    }

    private func put(_ bytes: ArraySlice<UInt8>, on number: CInt) throws(Fault) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(number, $0.baseAddress, $0.count) }
            if count < 0 {
                if Errno.current == .interrupted || Errno.current == .again { continue }
                throw Fault(.failed, Errno.current.description, trail: ["write output"])
            }
            rest = rest.dropFirst(count)
        }
    }

    private func takeInput() throws(Fault) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        let count = buffer.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
        if count < 0 && Errno.current == .interrupted { return true }
        guard count > 0, let number = stream?.rawValue else {
            inputOpen = false
            if let number = stream?.rawValue { shutdown(number, CInt(SHUT_WR)) }
            return true
        }
        let (bytes, detaches) = filter(buffer[..<count])
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(number, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            if sent < 0 {
                if Errno.current == .interrupted { continue }
                inputOpen = false
                break
            }
            rest = rest.dropFirst(sent)
        }
        return !detaches
    }

    /// Takes the detach keys out: ctrl-p waits for what follows it, ctrl-q after it leaves.
    private func filter(_ bytes: ArraySlice<UInt8>) -> (bytes: [UInt8], detaches: Bool) {
        guard keys == .controlPQ else { return (Array(bytes), false) }
        var passed: [UInt8] = []
        for byte in bytes {
            if sawControlP {
                sawControlP = false
                if byte == Session.controlQ { return (passed, true) }
                passed.append(Session.controlP)
            }
            if byte == Session.controlP { sawControlP = true } else { passed.append(byte) }
        }
        return (passed, false)
    }

    private func takeSignals() throws(Fault) {
        // A signalfd that cannot be read has no signal.
        while let signal = try? signals.next() {
            if signal == SIGWINCH {
                try resize()
            } else if signal != SIGPIPE {
                // The process may have ended meanwhile; its exit is on the way.
                do throws(Fault) { try client.ask(.signal(.init(signal: signal, exec: exec))) } catch {
                    if error.kind == .failed { throw error }
                }
            }
        }
    }

    private func resize() throws(Fault) {
        guard isTerminal else { return }
        var size = winsize()
        guard cais_ioctl_ptr(0, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return }
        // The process may have ended meanwhile.
        do throws(Fault) { try client.ask(.resize(.init(exec: exec, width: size.ws_col, height: size.ws_row))) } catch {
            if error.kind != .conflict && error.kind != .unavailable { throw error }
        }
    }
}

/// This program's own terminal, passing every key.
final class RawTerminal {
    private let number: CInt
    private var saved = termios()

    /// nil where the descriptor is no terminal.
    init?(_ number: CInt) {
        self.number = number
        guard isatty(number) == 1, tcgetattr(number, &saved) == 0 else { return nil }
    }

    /// Passes every key from now on.
    func enter() {
        var raw = saved
        cfmakeraw(&raw)
        tcsetattr(number, TCSANOW, &raw)
    }

    /// As it was before.
    func restore() { tcsetattr(number, TCSADRAIN, &saved) }
}
