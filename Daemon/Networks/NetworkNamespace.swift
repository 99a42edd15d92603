import CLinux
import Faults
import Glibc
import Linux
import Netlink

/// Makes and removes network namespaces that are kept alive by a file they are bound to. A
/// thread that enters a foreign namespace exists for that alone and ends; no pooled thread ever
/// leaves the engine's own.
///
/// Needs CAP_SYS_ADMIN in the engine's user and mount namespaces.
enum NetworkNamespace {
    /// A new namespace: where to put interfaces, and how to talk to its inside from any thread.
    struct Handle: ~Copyable, Sendable {
        let descriptor: FileDescriptor
        var inside: NetlinkSocket
    }

    /// Written inside before any interface exists. IPv6 stays off on interfaces to come (the
    /// loopback keeps ::1), and should somebody switch it on, no router can announce itself.
    private static let settings = [
        ("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"),
        ("/proc/sys/net/ipv6/conf/default/accept_ra", "0"),
    ]

    /// Makes a namespace, bound to `path`, with its loopback up. A leftover at `path` is replaced.
    static func create(at path: String) throws(Fault) -> Handle {
        try within("make network namespace \(path)") { () throws(Fault) in
            try remove(at: path)
            do throws(Errno) { _ = try Files.open(path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o444) } catch {
                throw Fault(.failed, error.description, errno: error.rawValue)
            }
            do throws(Fault) { return try onOwnThread(path) } catch {
                try? remove(at: path)  // The first failure is the one that matters.
                throw error
            }
        }
    }

    /// Unbinds and removes `path`; the kernel ends the namespace when its last process is gone.
    /// A path that does not exist is no failure.
    static func remove(at path: String) throws(Fault) {
        // EINVAL: a file that nothing is mounted on, left by a crash between two steps.
        if umount2(path, CInt(MNT_DETACH | UMOUNT_NOFOLLOW)) != 0, ![.noEntry, .invalid].contains(Errno.current) {
            throw Fault(.failed, Errno.current.description, errno: cais_errno(), trail: ["unmount \(path)"])
        }
        if unlink(path) != 0, Errno.current != .noEntry {
            throw Fault(.failed, Errno.current.description, errno: cais_errno(), trail: ["remove \(path)"])
        }
    }

    /// Opens the namespace that is bound to `path`, for putting interfaces into it.
    static func exists(at path: String) -> Bool { access(path, F_OK) == 0 }

    /// What the thread hands over. Safe because the one that reads it has joined the one that wrote it.
    private final class Errand: @unchecked Sendable {
        let path: String
        var handle: Handle?
        var failure: Fault?
        init(path: String) { self.path = path }

        func run() {
            do throws(Fault) { handle = try NetworkNamespace.enter(path) } catch { failure = error }
        }
    }

    private static func onOwnThread(_ path: String) throws(Fault) -> Handle {
        let errand = Errand(path: path)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, 256 << 10)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(errand)
        let started = pthread_create(
            &thread, &attributes,
            { context in
                if let context { Unmanaged<Errand>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, context.toOpaque())
        guard started == 0 else {
            context.release()
            throw Fault(.unavailable, Errno(rawValue: started).description, errno: started, trail: ["start a thread"])
        }
        pthread_join(thread, nil)
        if let handle = errand.handle.take() { return handle }
        throw errand.failure ?? Fault(.failed, "the thread ended early")
    }

    /// Runs on the thread that ends: turns it into the namespace's first inhabitant.
    private static func enter(_ path: String) throws(Fault) -> Handle {
        _ = try step("unshare") { () throws(Errno) in try call { unshare(CLONE_NEWNET) } }
        for (file, value) in settings where access(file, W_OK) == 0 {
            try step("write \(file)") { () throws(Errno) in try ProcSetting.write(file, value) }
        }
        let descriptor = try step("open") { () throws(Errno) in try Files.open("/proc/thread-self/ns/net", flags: O_RDONLY) }
        _ = try step("bind") { () throws(Errno) in try call { mount("/proc/thread-self/ns/net", path, nil, UInt(MS_BIND), nil) } }
        var inside = try NetlinkSocket()
        try inside.request("set loopback up", LinkRequest.change(index: 1, LinkChange(up: true)))
        return Handle(descriptor: descriptor, inside: inside)
    }

    private static func step<Value: ~Copyable>(_ name: String, _ body: () throws(Errno) -> Value) throws(Fault) -> Value {
        do throws(Errno) { return try body() } catch { throw Fault(.failed, error.description, errno: error.rawValue, trail: [name]) }
    }
}

/// Kernel settings below /proc/sys, of the calling thread's network namespace.
enum ProcSetting {
    /// The value without its line end.
    static func read(_ path: String) throws(Errno) -> String {
        let file = try Files.open(path, flags: O_RDONLY)
        let bytes = try file.readAll(limit: 4096)
        return String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    }

    /// Sets the value.
    static func write(_ path: String, _ value: String) throws(Errno) {
        try Files.open(path, flags: O_WRONLY).writeAll(Array(value.utf8))
    }

    /// Sets the value where it differs: the setting may be read-only where it is already right.
    static func ensure(_ path: String, _ value: String) throws(Fault) {
        do throws(Errno) {
            if try read(path) != value { try write(path, value) }
        } catch { throw Fault(.failed, error.description, errno: error.rawValue, trail: ["write \(value) to \(path)"]) }
    }
}
