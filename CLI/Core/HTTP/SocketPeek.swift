import CLinux

/// A look at a socket that takes nothing from it.
enum SocketPeek {
    /// Whether an idle connection has been closed, or has bytes that nobody asked for: either way
    /// it is of no more use.
    static func hasEndedOrData(_ socket: CInt) -> Bool {
        var poll = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return CLinux.poll(&poll, 1, 0) != 0
    }
}
