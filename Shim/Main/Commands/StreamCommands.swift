import CLinux
import Faults
import Flags
import Linux
import OCISpec
import ShimCore
import ShimProtocol

// The verbs that join a process's streams: attach and exec.

/// The verb `attach`.
enum AttachCommand {
    static func run(_ arguments: Arguments) throws(Fault) -> Int32 {
        let client = try ShimClient(Paths.socket(arguments.positional[0]))
        guard case .status(let status) = try client.ask(.status) else { throw Fault(.failed, "the supervisor answered something else") }
        let keys: Session.DetachKeys = arguments.bool("no-detach-keys") ? .none : .controlPQ
        let session = try Session(client, exec: nil, isTerminal: status.tty, keys: keys)
        try client.ask(.subscribe)
        try session.attach(stdin: !arguments.bool("no-stdin"))
        return try session.run()
    }
}

/// The verb `exec`. The process is the container's own with another command: same user, working
/// directory, environment and privileges, save what the flags say.
enum ExecCommand {
    static func run(_ arguments: Arguments) throws(Fault) -> Int32 {
        let client = try ShimClient(Paths.socket(arguments.positional[0]))
        let process = try process(arguments, client)
        let name = "cli-\(getpid())"
        let isDetached = arguments.bool("detach")
        let isTerminal = arguments.bool("tty")
        let gives = arguments.bool("interactive") && !isDetached
        let order = ShimRequest.Exec(exec: name, process: process, tty: isTerminal, stdin: gives, stdout: !isDetached, stderr: !isDetached)
        if isDetached {
            try client.ask(.exec(order))
            return 0
        }
        let keys: Session.DetachKeys = arguments.bool("no-detach-keys") ? .none : .controlPQ
        let session = try Session(client, exec: name, isTerminal: isTerminal, keys: keys)
        try client.ask(.subscribe)
        let theirs = try session.openStream(stdin: gives)
        defer { close(theirs) }
        try client.ask(.exec(order), passing: theirs)
        return try session.run()
    }

    private static func process(_ arguments: Arguments, _ client: ShimClient) throws(Fault) -> RuntimeSpec.Process {
        guard case .status(let status) = try client.ask(.status), let bundle = status.bundle else {
            throw Fault(.failed, "the supervisor does not say which bundle it runs")
        }
        guard var process = try Bundle.read(RuntimeSpec.self, bundle).process else {
            throw Fault(.invalidArgument, "\(bundle)/config.json has no process")
        }
        process.args = Array(arguments.positional.dropFirst())
        process.terminal = arguments.bool("tty")
        process.env = (process.env ?? []) + arguments.strings("env")
        if let directory = arguments.optional("workdir") { process.cwd = directory }
        if let user = arguments.optional("user") { process.user = try self.user(user) }
        return process
    }

    private static func user(_ text: String) throws(Fault) -> RuntimeSpec.User {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let uid = UInt32(parts[0]), let gid = parts.count == 2 ? UInt32(parts[1]) : 0 else {
            throw Fault(.invalidArgument, "--user is uid or uid:gid in numbers, not \(text)")
        }
        return RuntimeSpec.User(uid: uid, gid: gid)
    }
}
