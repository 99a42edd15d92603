import CLinux

/// Signals as something to read: blocked for this thread and taken from a descriptor (signalfd(2)).
public struct SignalDescriptor: ~Copyable, Sendable {
    /// The descriptor, for epoll; it never waits.
    public let descriptor: FileDescriptor

    /// Blocks `signals` and makes them readable.
    public init(_ signals: [CInt]) throws(Errno) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        try call { sigprocmask(SIG_BLOCK, &set, nil) }
        descriptor = FileDescriptor(owning: try call { signalfd(-1, &set, CInt(SFD_CLOEXEC | SFD_NONBLOCK)) })
    }

    /// The next signal that arrived, nil when there is none. Equal ones that arrived together are one.
    public borrowing func next() throws(Errno) -> CInt? {
        var information = signalfd_siginfo()
        let number = descriptor.rawValue
        do throws(Errno) {
            let size = MemoryLayout<signalfd_siginfo>.size
            let got = try call { CLinux.read(number, &information, size) }
            return got == size ? CInt(bitPattern: information.ssi_signo) : nil
        } catch {
            if error == .again { return nil }
            throw error
        }
    }
}
