// UnixListener owns the engine's socket file: who may open it, and that no other engine answers there.
import CLinux
import Faults
import Linux

/// Makes bound unix sockets.
package enum UnixListener {
    /// A bound socket at `path`, mode 0660 and owned by root and the group before anybody can
    /// connect. A socket that nobody listens on is replaced. Needs write access to the directory.
    /// - Throws: `conflict` where an engine answers already or another kind of file is in the way.
    package static func bind(_ path: String, group: gid_t?) throws(Fault) -> FileDescriptor {
        try removeStale(path)
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        if !directory.isEmpty {
            do throws(Errno) { try Files.makeDirectories(directory, mode: 0o755) } catch { throw fault("make directory \(directory)", error) }
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw fault("make a socket", Errno.current) }
        let owned = FileDescriptor(owning: descriptor)
        // Between bind and chown nobody else gets in: the mode is 0600 until it is right.
        let mask = umask(0o177)
        let bound = withAddress(path) { address, length in cais_bind(descriptor, address, length) }
        let error = Errno.current
        umask(mask)
        guard bound == 0 else { throw fault("listen on \(path)", error) }
        if let group, chown(path, 0, group) != 0 { throw fault("give \(path) to group \(group)", Errno.current) }
        guard chmod(path, 0o660) == 0 else { throw fault("set the mode of \(path)", Errno.current) }
        return owned
    }

    /// Whether somebody answers at `path`.
    package static func isAlive(_ path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return false }
        let owned = FileDescriptor(owning: descriptor)
        let result = withAddress(path) { address, length in cais_connect(owned.rawValue, address, length) }
        // A full backlog (EAGAIN) is an engine too, a slow one.
        return result == 0 || Errno.current == .again
    }

    private static func removeStale(_ path: String) throws(Fault) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.kind == .socket else {
            throw Fault(.conflict, "\(path) exists and is not a socket")
        }
        guard !isAlive(path) else { throw Fault(.conflict, "socket already in use: something listens on \(path)") }
        guard unlink(path) == 0 || Errno.current == .noEntry else { throw fault("remove the stale socket \(path)", Errno.current) }
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8.prefix(ListenAddress.pathBytesMax))
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    private static func fault(_ step: String, _ errno: Errno) -> Fault {
        let kind: FaultKind = errno == .access || errno == .notPermitted ? .forbidden : errno == .addressInUse ? .conflict : .failed
        return Fault(kind, errno.description, errno: errno.rawValue, trail: [step])
    }
}
