import CLinux
import Faults
import Linux
import OCISpec
import ShimProtocol

// TaskRecords owns the files of a shim's state directory. The order of their writing is the
// supervisor's; docs/protocols/shim.md says what each tells after which crash.

/// The state directory of a shim that lives.
struct TaskRecords: ~Copyable {
    private let directory: String
    private let lock: FileDescriptor

    /// Makes the directory, takes its lock and clears what a shim before left.
    /// - Throws: `.conflict` when another shim has it.
    init(directory: String) throws(Fault) {
        let opened: FileDescriptor
        do {
            try Files.makeDirectories(directory, mode: 0o700)
            // The directory may be older than this shim, and wider.
            try Linux.call { chmod(directory, 0o700) }
            opened = try Files.open("\(directory)/\(ShimFile.lock)", flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        } catch {
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["open the state directory \(directory)"])
        }
        guard flock(opened.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            throw Fault(.conflict, "another shim supervises in \(directory)")
        }
        self.directory = directory
        lock = opened
        for name in [ShimFile.socket, ShimFile.exit, ShimFile.status] { _ = unlink("\(directory)/\(name)") }
    }

    /// The path of a file in it.
    borrowing func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// Replaces status.json. It describes the present, so it need not outlive the machine.
    borrowing func write(_ status: TaskStatus) throws(Fault) {
        try replace(ShimFile.status, with: try JSON.encode(status, pretty: true), durable: false)
    }

    /// Writes exit.json; when this returns it is on disk.
    borrowing func write(_ exit: ExitRecord) throws(Fault) {
        try replace(ShimFile.exit, with: try JSON.encode(exit, pretty: true), durable: true)
    }

    private borrowing func replace(_ name: String, with bytes: [UInt8], durable: Bool) throws(Fault) {
        do { try Files.replace(path(name), with: bytes, durable: durable) } catch {
            throw Fault(error == .noSpace ? .noSpace : .failed, error.description, errno: error.rawValue, trail: ["write \(path(name))"])
        }
    }

    /// Removes the socket, and lets the next shim have the directory.
    borrowing func leave() {
        _ = unlink(path(ShimFile.socket))
        flock(lock.rawValue, LOCK_UN)
    }
}
