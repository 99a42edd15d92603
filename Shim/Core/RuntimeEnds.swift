import CLinux
import Faults
import Linux

// What a call of the runtime that makes a process is given, held by the closures that wait for it.

/// The process's own ends of its pipes.
final class ChildEndsHolder {
    private var ends: ProcessStreams.ChildEnds?
    /// How the runtime inherits them.
    let inherited: [Spawn.Inherited]

    init(_ ends: consuming ProcessStreams.ChildEnds) {
        var list: [Spawn.Inherited] = [.init(ends.stdout.rawValue, as: 1), .init(ends.stderr.rawValue, as: 2)]
        if let stdin = ends.stdin?.rawValue { list.append(.init(stdin, as: 0)) }
        inherited = list
        self.ends = consume ends
    }

    /// Closes them: the runtime has its own by now.
    func close() { ends = nil }
}

/// The socket for the process's terminal.
final class ConsoleHolder {
    private let socket: ConsoleSocket
    let argument: String

    init(_ socket: consuming ConsoleSocket) {
        argument = socket.argument
        self.socket = socket
    }

    /// The terminal that was sent.
    func receive() throws(Fault) -> FileDescriptor { try socket.receive() }
}

/// The file in which a runtime leaves a process's number.
enum PidFile {
    static func read(_ path: String) throws(Fault) -> pid_t {
        let text: [UInt8]
        do { text = try Files.read(path, limit: 64) } catch {
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["read the runtime's pid file \(path)"])
        }
        let digits = String(decoding: text.prefix { (0x30...0x39).contains($0) }, as: UTF8.self)
        guard let pid = pid_t(digits), pid > 0 else { throw Fault(.failed, "the runtime's pid file \(path) holds no pid") }
        return pid
    }
}

extension ProcessStreams {
    /// Why a runtime could not add the process: one that keeps no log leaves its reason on the process's standard error.
    func explained(_ failure: Fault) -> Fault {
        guard failure.reason.hasSuffix("said nothing"), let words = RuntimeFailure.lastLine(of: unreadErrors()) else { return failure }
        return Fault(.failed, words)
    }

    /// As ``adopt(terminal:)``, with the error in words.
    func adopt(received terminal: consuming FileDescriptor) throws(Fault) {
        do { try adopt(terminal: terminal) } catch {
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["take over the terminal"])
        }
    }
}
