// Foreground owns the time between the start of a program and its end when the caller waits:
// signals are passed on, and a terminal is copied to and from the caller's.
import CLinux
import Faults
import Linux

package struct Foreground: ~Copyable {
    private let signals: FileDescriptor
    /// The terminal's master end arrives here.
    private var consoleEnd: FileDescriptor?
    /// Whether processes that lost their parents become this one's children.
    private let isSubreaper: Bool

    /// From now on signals wait to be read; made before the program is, so that none is lost.
    /// - Parameters:
    ///   - hasTerminal: whether a terminal will be held; `console` then takes its socket.
    ///   - isSubreaper: whether processes of a container without a pid namespace, which lost their
    ///     parents, are waited for here and not by the machine's init.
    package init(hasTerminal: Bool, console: inout CInt?, isSubreaper: Bool = false) throws(Fault) {
        self.isSubreaper = isSubreaper
        if isSubreaper { try attempt("become subreaper") { () throws(Errno) in try Identity.setChildSubreaper(true) } }
        var all = sigset_t()
        sigfillset(&all)
        sigprocmask(SIG_BLOCK, &all, nil)
        var mask = all
        let descriptor = try attempt("make signal descriptor") { () throws(Errno) in
            try call { signalfd(-1, &mask, CInt(SFD_CLOEXEC | SFD_NONBLOCK)) }
        }
        var end: CInt?
        if hasTerminal {
            (end, console) = try attempt("make console socket") { () throws(Errno) in try UnixSocket.pair().split() }
        }
        signals = FileDescriptor(owning: descriptor)
        consoleEnd = end.map { FileDescriptor(owning: $0) }
    }

    /// Waits for the end of `child`.
    package consuming func wait(
        for child: pid_t, _ process: borrowing Pidfd, notify: consuming NotifySocket? = nil
    ) throws(Fault) -> ExitStatus {
        guard let consoleEnd = consoleEnd.take() else {
            return try pump(child, process, relay: nil, notify: &notify)
        }
        let received = try attempt("receive terminal") { () throws(Errno) in try UnixSocket.receive(limit: 64, on: consoleEnd) }
        guard let master = received.descriptors.first else { throw Fault(.failed, "no terminal came from the container") }
        let relay = TerminalRelay(master: master)
        relay.resize()
        defer { relay.finish() }
        return try pump(child, process, relay: relay, notify: &notify)
    }

    private func pump(
        _ child: pid_t, _ process: borrowing Pidfd, relay: TerminalRelay?, notify: inout NotifySocket?
    ) throws(Fault) -> ExitStatus {
        var status: ExitStatus?
        while true {
            var polls = [
                pollfd(fd: process.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: relay?.master ?? -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: relay?.input ?? -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: notify.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            try attempt("wait") { () throws(Errno) in try call { poll(&polls, 5, -1) } }
            if polls[1].revents != 0, passSignals(to: process, relay: relay), isSubreaper { status = status ?? reapAll(awaiting: child) }
            if polls[2].revents != 0 { relay?.copyOut() }
            if polls[3].revents != 0 { relay?.copyIn() }
            // Once is enough, and this process stays the one that the service manager watches.
            if polls[4].revents != 0, forwardNotification(notify) { notify = nil }
            if polls[0].revents != 0 {
                relay?.drain()
                return status ?? Hooks.reap(child)
            }
        }
    }

    /// Whether there is nothing more to forward. A service manager that is gone ends nothing: the program runs.
    private func forwardNotification(_ notify: borrowing NotifySocket?) -> Bool {
        switch notify {
        case .some(let socket): (try? socket.forward(mainPid: getpid(), waitsForManager: false)) ?? true
        case .none: false
        }
    }

    /// Reaps every child that has ended, and says how `child` has, if it is among them.
    private func reapAll(awaiting child: pid_t) -> ExitStatus? {
        var result: ExitStatus?
        var status: CInt = 0
        while true {
            let pid = waitpid(-1, &status, WNOHANG)
            if pid <= 0 { return result }
            if pid == child { result = ExitStatus(waitStatus: status) }
        }
    }

    /// Whether a child has ended.
    private func passSignals(to process: borrowing Pidfd, relay: TerminalRelay?) -> Bool {
        var hasEnded = false
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        while read(signals.rawValue, &info, size) == size {
            let number = CInt(info.ssi_signo)
            if number == SIGCHLD { hasEnded = true }
            if number == SIGCHLD || number == SIGURG || number == SIGTTOU || number == SIGPIPE { continue }
            if number == SIGWINCH, let relay {
                relay.resize()
                continue
            }
            // It may just have ended, which the next turn sees.
            try? process.send(signal: number)
        }
        return hasEnded
    }
}

extension NotifySocket? {
    /// The number to poll; -1, which poll(2) passes over, where there is none.
    fileprivate var descriptor: CInt {
        switch self {
        case .some(let socket): socket.descriptor
        case .none: -1
        }
    }
}

/// Copies bytes between the caller's streams and a terminal's master end.
final class TerminalRelay {
    let master: CInt
    /// Standard input, until it ends.
    private(set) var input: CInt = 0
    private var saved: termios?
    private var buffer = [UInt8](repeating: 0, count: 16_384)

    init(master: CInt) {
        self.master = master
        var settings = termios()
        guard tcgetattr(0, &settings) == 0 else { return }
        saved = settings
        cfmakeraw(&settings)
        // Line feeds come alone from the container's terminal: this one still makes lines of them.
        settings.c_oflag |= tcflag_t(OPOST)
        tcsetattr(0, TCSANOW, &settings)
    }

    /// Gives the container's terminal the size of the caller's.
    func resize() {
        var size = winsize()
        guard cais_ioctl_ptr(0, UInt(TIOCGWINSZ), &size) == 0 else { return }
        // A master end that is gone has no size.
        try? PseudoTerminal.resize(master, height: size.ws_row, width: size.ws_col)
    }

    func copyOut() { _ = copy(from: master, to: 1) }

    /// What the program wrote before it ended.
    func drain() {
        while true {
            var polls = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
            guard poll(&polls, 1, 0) > 0, copy(from: master, to: 1) else { return }
        }
    }

    func copyIn() { if !copy(from: input, to: master) { input = -1 } }

    func finish() {
        if var saved { tcsetattr(0, TCSANOW, &saved) }
        close(master)
    }

    /// False at the end of the source.
    private func copy(from source: CInt, to target: CInt) -> Bool {
        let got = read(source, &buffer, buffer.count)
        if got <= 0 { return got < 0 && Errno.current == .again }
        var sent = 0
        while sent < got {
            let wrote = buffer[sent..<got].withUnsafeBytes { write(target, $0.baseAddress, $0.count) }
            if wrote <= 0 { return false }
            sent += wrote
        }
        return true
    }
}
