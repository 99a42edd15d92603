import CLinux

/// A handle on one process that its number cannot be reused under (pidfd_open(2)). Readable for
/// poll and epoll when the process has ended.
public struct Pidfd: ~Copyable, Sendable {
    /// The descriptor, for epoll.
    public let descriptor: FileDescriptor

    /// Opens the process `pid`, of any parent.
    /// - Throws: `Errno.noProcess` where there is none.
    public init(pid: pid_t) throws(Errno) {
        descriptor = FileDescriptor(owning: try call { cais_pidfd_open(pid, 0) })
    }

    /// Wraps a pidfd that clone3(2) or SCM_RIGHTS gave.
    public init(owning rawValue: CInt) { descriptor = FileDescriptor(owning: rawValue) }

    /// Sends a signal to exactly this process (pidfd_send_signal(2)).
    public borrowing func send(signal: CInt) throws(Errno) {
        let number = descriptor.rawValue
        try call { cais_pidfd_send_signal(number, signal, 0) }
    }

    /// Whether the process has ended (it may still be a zombie).
    public borrowing func hasExited() throws(Errno) -> Bool {
        var poll = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        return try call { CLinux.poll(&poll, 1, 0) } > 0
    }
}

/// How a process ended.
public enum ExitStatus: Sendable, Hashable {
    /// It called exit(3) with this code.
    case exited(code: Int32)
    /// This signal ended it.
    case signaled(signal: Int32)

    /// Reads the status word of wait(2).
    public init(waitStatus: CInt) {
        self = cais_wifsignaled(waitStatus) != 0 ? .signaled(signal: cais_wtermsig(waitStatus)) : .exited(code: cais_wexitstatus(waitStatus))
    }

    /// The code a shell would report: 128 plus the signal for a killed process.
    public var shellCode: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }
}
