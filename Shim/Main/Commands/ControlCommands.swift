import CLinux
import Faults
import Flags
import Linux
import OCISpec
import ShimCore
import ShimProtocol

// The verbs that ask a supervisor one thing: status, start, signal, stop.

/// The verb `status`. It also tells of a supervisor that has ended, from what it left on disk.
enum StatusCommand {
    static func run(_ arguments: Arguments) throws(Fault) -> Int32 {
        let socket = Paths.socket(arguments.positional[0])
        let status = try current(socket)
        Output.put(String(decoding: try JSON.encode(status, pretty: true), as: UTF8.self) + "\n")
        return 0
    }

    /// The status of a supervisor that lives, or the last one it wrote.
    static func current(_ socket: String) throws(Fault) -> TaskStatus {
        let client: ShimClient
        do throws(Fault) { client = try ShimClient(socket) } catch {
            guard error.kind == .notFound || error.kind == .unavailable, let left = left(socket) else { throw error }
            return left
        }
        guard case .status(let status) = try client.ask(.status) else { throw Fault(.failed, "the supervisor answered something else") }
        return status
    }

    private static func left(_ socket: String) -> TaskStatus? {
        let path = "\(Paths.stateDirectory(ofSocket: socket))/\(ShimFile.status)"
        // No record, or none that can be read: then there is nothing but the error.
        guard let bytes = try? Files.read(path), var status = try? JSON.decode(TaskStatus.self, from: bytes) else { return nil }
        let exit = "\(Paths.stateDirectory(ofSocket: socket))/\(ShimFile.exit)"
        if let bytes = try? Files.read(exit), let record = try? JSON.decode(ExitRecord.self, from: bytes) { status.lastExit = record }
        return status
    }
}

/// The verb `start`.
enum StartCommand {
    static func run(_ arguments: Arguments) throws(Fault) -> Int32 {
        let client = try ShimClient(Paths.socket(arguments.positional[0]))
        do throws(Fault) { try client.ask(.start) } catch { if error.kind != .notModified { throw error } }
        return 0
    }
}

/// The verb `signal`.
enum SignalCommand {
    static func run(_ arguments: Arguments) throws(Fault) -> Int32 {
        let name = arguments.positional[1]
        guard let number = SignalNames.number(name) else { throw Fault(.invalidArgument, "no such signal: \(name)") }
        let client = try ShimClient(Paths.socket(arguments.positional[0]))
        try client.ask(.signal(.init(signal: number, all: arguments.bool("all"), cancelRestart: arguments.bool("cancel-restart"))))
        return 0
    }
}

/// The verb `stop`.
enum StopCommand {
    static func run(_ arguments: Arguments) throws(Fault) -> Int32 {
        let client = try ShimClient(Paths.socket(arguments.positional[0]))
        let signal = arguments.optional("signal").flatMap(SignalNames.number)
        try client.ask(.stop(.init(signal: signal, timeoutSeconds: arguments.int("time"))))
        return 0
    }
}
