import CLinux

/// Datagram sockets of the local machine (unix(7)), as service managers listen on (sd_notify(3)).
public enum DatagramSocket {
    /// Binds at `path`, which must not exist. Paths longer than sun_path work, as in ``UnixSocket``.
    public static func bind(_ path: String, mode: mode_t) throws(Errno) -> FileDescriptor {
        let socket = try make()
        try UnixSocket.withAddress(path) { (address, length) throws(Errno) in
            try call { cais_bind(socket.rawValue, address, length) }
        }
        do {
            // Not fchmod(2), which does not reach the name; the directory keeps others from putting a link here.
            try call { chmod(path, mode) }
        } catch {
            _ = unlink(path)
            throw error
        }
        return socket
    }

    /// Connects to `address`: a path, or `@name` of the abstract namespace.
    public static func connect(_ address: String) throws(Errno) -> FileDescriptor {
        let socket = try make()
        guard address.hasPrefix("@") else {
            try UnixSocket.withAddress(address) { (address, length) throws(Errno) in
                try call { cais_connect(socket.rawValue, address, length) }
            }
            return socket
        }
        var abstract = sockaddr_un()
        abstract.sun_family = sa_family_t(AF_UNIX)
        let name = address.utf8.dropFirst()
        guard name.count < MemoryLayout.size(ofValue: abstract.sun_path) else { throw .nameTooLong }
        withUnsafeMutableBytes(of: &abstract.sun_path) { room in
            for (index, byte) in name.enumerated() { room[index + 1] = byte }
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + 1 + name.count)
        try call {
            withUnsafePointer(to: &abstract) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { cais_connect(socket.rawValue, $0, length) }
            }
        }
        return socket
    }

    /// The next datagram, at most `limit` bytes of it; nil where none waits. Descriptors that came
    /// with it are never taken: recv(2) drops them.
    public static func receive(limit: Int, on socket: borrowing FileDescriptor) throws(Errno) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        let number = socket.rawValue
        do throws(Errno) {
            let got = try call { bytes.withUnsafeMutableBytes { cais_receive(number, $0.baseAddress!, limit) } }  // Safe because limit is not 0.
            return Array(bytes[..<got])
        } catch {
            if error == .again { return nil }
            throw error
        }
    }

    private static func make() throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try call { socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0) })
    }
}
