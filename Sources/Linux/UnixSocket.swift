import CLinux

/// Stream sockets of the local machine (unix(7)), with descriptors passed beside bytes and the
/// peer's identity checked by the kernel.
public enum UnixSocket {
    /// Who is at the other end (SO_PEERCRED).
    public struct Peer: Sendable, Hashable {
        /// Its process at the time of connect(2).
        public let pid: pid_t
        /// Its effective user.
        public let uid: uid_t
        /// Its effective group.
        public let gid: gid_t
    }

    /// Two connected ends; neither is special.
    public struct Pair: ~Copyable, Sendable {
        /// One end.
        public var left: FileDescriptor
        /// The other.
        public var right: FileDescriptor

        /// Takes the pair apart into descriptors that the caller closes.
        public consuming func split() -> (left: CInt, right: CInt) { (left.release(), right.release()) }
    }

    /// Connects to the socket at `path`. Paths longer than sun_path (107 bytes) work: the parent
    /// directory is opened and the name reached through it.
    public static func connect(_ path: String) throws(Errno) -> FileDescriptor {
        let socket = try make()
        try withAddress(path) { (address, length) throws(Errno) in
            try call { cais_connect(socket.rawValue, address, length) }
        }
        return socket
    }

    /// Binds and listens at `path`, which must not exist; its mode is set before listen(2), so
    /// nobody can connect to it with a wider one.
    public static func listen(_ path: String, mode: mode_t = 0o600, backlog: CInt = 128) throws(Errno) -> FileDescriptor {
        let socket = try make()
        try withAddress(path) { (address, length) throws(Errno) in
            try call { cais_bind(socket.rawValue, address, length) }
        }
        do {
            try call { chmod(path, mode) }
            try call { CLinux.listen(socket.rawValue, backlog) }
        } catch {
            _ = unlink(path)
            throw error
        }
        return socket
    }

    /// The next connection, close-on-exec (accept4(2)).
    public static func accept(_ listener: borrowing FileDescriptor, nonBlocking: Bool = false) throws(Errno) -> FileDescriptor {
        let number = listener.rawValue
        let flags = CInt(SOCK_CLOEXEC.rawValue) | (nonBlocking ? CInt(SOCK_NONBLOCK.rawValue) : 0)
        return FileDescriptor(owning: try call { cais_accept(number, flags) })
    }

    /// Two connected ends.
    public static func pair() throws(Errno) -> Pair {
        var ends: (CInt, CInt) = (0, 0)
        try call {
            withUnsafeMutablePointer(to: &ends) {
                $0.withMemoryRebound(to: CInt.self, capacity: 2) {
                    socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, $0)
                }
            }
        }
        return Pair(left: FileDescriptor(owning: ends.0), right: FileDescriptor(owning: ends.1))
    }

    /// Who connected.
    public static func peer(of socket: borrowing FileDescriptor) throws(Errno) -> Peer {
        var credentials = ucred()
        var length = socklen_t(MemoryLayout<ucred>.size)
        let number = socket.rawValue
        try call { getsockopt(number, SOL_SOCKET, SO_PEERCRED, &credentials, &length) }
        return Peer(pid: credentials.pid, uid: credentials.uid, gid: credentials.gid)
    }

    /// Sends `bytes` with descriptors beside the first of them (SCM_RIGHTS, at most 16).
    public static func send(_ bytes: [UInt8], descriptors: [CInt], on socket: borrowing FileDescriptor) throws(Errno) {
        let number = socket.rawValue
        let sent = try call { bytes.withUnsafeBytes { cais_send_fds(number, $0.baseAddress, $0.count, descriptors, descriptors.count) } }
        var rest = bytes[sent...]
        // Not write(2): a peer that is gone is an error and no SIGPIPE.
        while !rest.isEmpty { rest = rest.dropFirst(try call { rest.withUnsafeBytes { cais_send_fds(number, $0.baseAddress, $0.count, nil, 0) } }) }
    }

    /// Receives at most `limit` bytes and the descriptors that came with them, which the caller owns.
    public static func receive(limit: Int, on socket: borrowing FileDescriptor) throws(Errno) -> (bytes: [UInt8], descriptors: [CInt]) {
        var bytes = [UInt8](repeating: 0, count: limit)
        var descriptors = [CInt](repeating: -1, count: 16)
        var count = 0
        let number = socket.rawValue
        let got = try call { bytes.withUnsafeMutableBytes { cais_receive_fds(number, $0.baseAddress, limit, &descriptors, &count) } }
        return (Array(bytes[..<got]), Array(descriptors[..<count]))
    }

    private static func make() throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try call { socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0) })
    }

    /// Calls `body` with the address of `path`.
    static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(Errno) -> Void
    ) throws(Errno) {
        let limit = 107
        if path.utf8.count <= limit { return try withShortAddress(path, body) }
        guard let slash = path.lastIndex(of: "/") else { throw .nameTooLong }
        let name = path[path.index(after: slash)...]
        let parent = try Files.open(String(path[..<slash]), flags: O_PATH | O_DIRECTORY)
        let short = "/proc/self/fd/\(parent.rawValue)/\(name)"
        guard short.utf8.count <= limit else { throw .nameTooLong }
        try withShortAddress(short, body)
    }

    private static func withShortAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(Errno) -> Void
    ) throws(Errno) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        var failure: Errno?
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                do throws(Errno) { try body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size)) } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }
}
