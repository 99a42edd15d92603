import CLinux
import Faults
import Linux

// ConsoleSocket owns the place where a runtime leaves the terminal it made (--console-socket).

/// A listening socket for one terminal. The runtime connects, sends the descriptor and goes on
/// without an answer, so nothing has to be watched: the terminal is there when the runtime is done.
struct ConsoleSocket: ~Copyable {
    /// What to tell the runtime. A path too long for a socket address goes through our descriptor
    /// of its directory.
    let argument: String
    private let path: String
    private let listener: FileDescriptor
    private let directory: FileDescriptor

    /// Listens as `name` in `directory`.
    init(in directory: String, name: String) throws(Errno) {
        let path = "\(directory)/\(name)"
        _ = unlink(path)
        let parent = try Files.open(directory, flags: O_PATH | O_DIRECTORY)
        let socket = try UnixSocket.listen(path)
        try socket.setNonBlocking(true)
        let addressBytesMax = 107
        argument = path.utf8.count <= addressBytesMax ? path : "/proc/\(getpid())/fd/\(parent.rawValue)/\(name)"
        self.path = path
        self.directory = parent
        listener = socket
    }

    deinit { _ = unlink(path) }

    /// The terminal that was sent.
    borrowing func receive() throws(Fault) -> FileDescriptor {
        do {
            let connection = try UnixSocket.accept(listener, nonBlocking: true)
            let (_, descriptors) = try UnixSocket.receive(limit: 4_096, on: connection)
            for surplus in descriptors.dropFirst() { _ = FileDescriptor(owning: surplus) }
            if let first = descriptors.first {
                let terminal = FileDescriptor(owning: first)
                guard isatty(terminal.rawValue) == 1 else { throw Errno.invalid }
                return terminal
            }
        } catch let error as Errno {
            throw Fault(.failed, "the runtime sent no terminal: \(error)", errno: error.rawValue)
        } catch {}
        throw Fault(.failed, "the runtime sent no terminal")
    }
}
