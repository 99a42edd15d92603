// Claims owns what makes the engine the only one of its places: directories, the lock of the data
// root, the pid file, and the names of the sockets.
import CLinux
import EngineServer
import Faults
import Linux

/// Directories and locks of one engine.
struct Claims: ~Copyable, Sendable {
    private let lock: FileDescriptor
    private let pidFile: String

    /// Makes the roots (0710 and 0711: their contents are root's), locks the data root and writes
    /// the pid file. The kernel drops the lock when the process ends, however it ends.
    /// - Throws: `conflict` where another engine has the data root or lives under the pid file's number.
    init(_ configuration: DaemonConfiguration) throws(Fault) {
        try Self.makeRoot(configuration.dataRoot, mode: 0o710)
        try Self.makeRoot(configuration.execRoot, mode: 0o711)
        let lock = try Self.lock(configuration.dataRoot)
        try Self.writePidFile(configuration.pidFile)
        self.lock = lock
        pidFile = configuration.pidFile
    }

    /// Takes the pid file away; nobody misses it when there is no time for this.
    borrowing func release() { unlink(pidFile) }

    private static func makeRoot(_ path: String, mode: mode_t) throws(Fault) {
        do throws(Errno) { try Files.makeDirectories(path, mode: 0o755) } catch {
            throw Fault(error == .noSpace ? .noSpace : .failed, error.description, errno: error.rawValue, trail: ["make directory \(path)"])
        }
        guard chmod(path, mode) == 0 else { throw Fault(.failed, Errno.current.description, trail: ["set the mode of \(path)"]) }
    }

    private static func lock(_ root: String) throws(Fault) -> FileDescriptor {
        let path = "\(root)/.lock"
        let file: FileDescriptor
        do throws(Errno) { file = try Files.open(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600) } catch {
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["open \(path)"])
        }
        guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            throw Fault(.conflict, "the data root \(root) is in use by another engine")
        }
        return file
    }

    private static func writePidFile(_ path: String) throws(Fault) {
        if let other = livingOwner(of: path) {
            throw Fault(.conflict, "the pid file \(path) is in use by another engine, process \(other)")
        }
        do throws(Errno) {
            if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try Files.makeDirectories(String(path[..<slash])) }
            try Files.replace(path, with: Array("\(getpid())".utf8), mode: 0o644, durable: false)
        } catch {
            throw Fault(error == .noSpace ? .noSpace : .failed, error.description, errno: error.rawValue, trail: ["write \(path)"])
        }
    }

    /// The process of the number in the file, when it is a daemon like this one: numbers are used again.
    private static func livingOwner(of path: String) -> pid_t? {
        guard let bytes = try? Files.read(path, limit: 64),  // No file, no owner.
            let pid = pid_t(String(decoding: bytes.prefix { $0 >= 0x30 && $0 <= 0x39 }, as: UTF8.self)), pid != getpid(),
            let name = try? Files.read("/proc/\(pid)/comm", limit: 64)  // No such process, no owner.
        else { return nil }
        return String(decoding: name, as: UTF8.self) == "caisd\n" ? pid : nil
    }
}

/// The engine's sockets: where it is asked.
struct Sockets: Sendable {
    /// Unix sockets, bound and not listening yet, by path.
    private(set) var unix: [(path: String, descriptor: CInt)] = []
    /// TCP addresses.
    private(set) var tcp: [(host: String, port: Int)] = []

    /// The socket that docker's client asks when nobody says otherwise.
    private static let dockerPath = "/var/run/docker.sock"

    /// Binds what the configuration says, or the defaults: `cais.sock` in the exec root and, for
    /// the engine with the default exec root, docker's socket when nobody answers there.
    /// - Throws: `conflict` where somebody else answers at a configured place.
    init(_ configuration: DaemonConfiguration) throws(Fault) {
        let group = try Self.group(configuration.group)
        do throws(Fault) {
            for text in configuration.hosts {
                switch try ListenAddress(parsing: text, plainTCPAllowed: configuration.plainTCPAllowed) {
                case .unix(let path): try bind(path, group)
                case .tcp(let host, let port): tcp.append((host, port))
                }
            }
            guard configuration.hosts.isEmpty else { return }
            try bind("\(configuration.execRoot)/cais.sock", group)
            if configuration.execRoot == DaemonConfiguration.execRootDefault, !UnixListener.isAlive(Self.dockerPath) {
                try bind(Self.dockerPath, group)
            }
        } catch {
            release()
            throw error
        }
    }

    /// Takes the socket files away.
    func release() { for socket in unix { unlink(socket.path) } }

    private mutating func bind(_ path: String, _ group: gid_t?) throws(Fault) {
        unix.append((path, try UnixListener.bind(path, group: group).release()))
    }

    private static func group(_ name: String?) throws(Fault) -> gid_t? {
        let wanted = name ?? "cais"
        if let number = gid_t(wanted) { return number }
        if let entry = getgrnam(wanted) { return entry.pointee.gr_gid }
        guard name == nil else { throw Fault(.notFound, "there is no group named \(wanted)") }
        return nil
    }
}
