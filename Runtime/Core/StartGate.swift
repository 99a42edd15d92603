// StartGate owns how a created container is told to start, by another process and maybe days later.
//
//     start                                     init
//        |-- connect to <root>/<id>/start.sock -->| accepted; startContainer hooks
//        |<--------- `hookFailed`, `failed`, or   |
//        |<--------------------------- end of file|  end of file: execve(2) closed the socket
//
// A socket and not a FIFO, because it carries the failure of execve(2) back to whoever started.
// From inside nobody can reach it: it is bound in a directory of root's, 0700, on the host, and
// the descriptor init holds is closed by execve(2) and cannot be read from /proc before (init is
// not dumpable). When init is dead, connecting is refused: the kernel keeps the truth.
import CLinux
import Faults
import Linux

enum StartGate {
    /// Makes the gate for a container that is being created; init inherits the descriptor.
    static func make(_ path: String) throws(Fault) -> FileDescriptor {
        try attempt("listen on \(path)") { () throws(Errno) in try UnixSocket.listen(path, mode: 0o600, backlog: 1) }
    }

    /// In init: waits for start.
    static func wait(at gate: borrowing FileDescriptor) throws(Errno) -> HandshakeSocket {
        HandshakeSocket(descriptor: try UnixSocket.accept(gate))
    }

    /// How start went, where init answered.
    enum Outcome {
        /// Init has become the program.
        case runs
        /// A startContainer hook failed, and the container is to end.
        case hookFailed(Fault)
    }

    /// In start: lets init go and waits until it has become the program.
    static func open(_ path: String, journal: Journal) throws(Fault) -> Outcome {
        let connection: FileDescriptor
        do throws(Errno) { connection = try UnixSocket.connect(path) } catch {
            if error == .noEntry || error == .connectionRefused { throw Fault(.conflict, "cannot start a container that is not in the created state") }
            throw Fault(error, "connect to \(path)")
        }
        let socket = HandshakeSocket(descriptor: connection)
        while let message = try attempt("start", { () throws(Errno) in try socket.receive() }) {
            switch message {
            case .warning(let text): journal.write(.warning, text)
            case .failed(let fault): throw fault
            case .hookFailed(let fault): return .hookFailed(fault)
            case .hooksDue, .ready: continue
            }
        }
        return .runs
    }
}
