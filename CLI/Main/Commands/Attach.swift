import CLICore
import EngineAPI
import Faults
import Flags
import Glibc
import Linux
import OCISpec

// start, attach, logs, exec.
extension Commands {
    static func start(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        guard arguments.bool("attach") || arguments.bool("interactive") else {
            let code = context.forEach(arguments.positional) { (name) throws(Fault) in
                try context.client.perform(Request("POST", "/containers/\(percentEncoded(name))/start"))
            }
            if code != 0 { Output.error("Error: failed to start containers: \(arguments.positional.joined(separator: ", "))") }
            return code
        }
        guard arguments.positional.count == 1 else { throw Fault(.invalidArgument, "you cannot start and attach multiple containers at once") }
        let container = try inspectContainer(context, arguments.positional[0])
        let stdin = arguments.bool("interactive") && container.config.openStdin
        if stdin { try TerminalCheck.require(tty: container.config.tty, stdin: true) }
        let keys = arguments.string("detach-keys")
        var query: [(name: String, value: String)] = [("stream", "1"), ("stdout", "1"), ("stderr", "1")]
        if stdin { query.append(("stdin", "1")) }
        if !keys.isEmpty { query.append(("detachKeys", keys)) }
        let attached = AttachedContainer(
            client: context.client, id: container.id, isTerminal: container.config.tty, forwardsStdin: stdin,
            keys: try keys.isEmpty ? .standard : DetachKeys(parsing: keys), proxiesSignals: true)
        return try attached.run(attachQuery: query, waitCondition: container.hostConfig.autoRemove ? "removed" : "next-exit")
    }

    static func attach(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        let container = try inspectContainer(context, arguments.positional[0])
        if container.state.paused { throw Fault(.conflict, "You cannot attach to a paused container, unpause it first") }
        if container.state.restarting { throw Fault(.conflict, "You cannot attach to a restarting container, wait until it is running") }
        guard container.state.running else { throw Fault(.conflict, "You cannot attach to a stopped container, start it first") }
        let stdin = !arguments.bool("no-stdin") && container.config.openStdin
        try TerminalCheck.require(tty: container.config.tty, stdin: stdin)
        let keys = arguments.string("detach-keys")
        var query: [(name: String, value: String)] = [("stream", "1"), ("stdout", "1"), ("stderr", "1")]
        if stdin { query.append(("stdin", "1")) }
        if !keys.isEmpty { query.append(("detachKeys", keys)) }
        return try AttachedContainer(
            client: context.client, id: container.id, isTerminal: container.config.tty, forwardsStdin: stdin,
            keys: try keys.isEmpty ? .standard : DetachKeys(parsing: keys), proxiesSignals: arguments.bool("sig-proxy")
        ).join(attachQuery: query)
    }

    static func inspectContainer(_ context: Context, _ name: String) throws(Fault) -> ContainerInspect {
        try context.client.call(Request("GET", "/containers/\(percentEncoded(name))/json"))
    }

    // MARK: logs

    static func logs(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        let container = try inspectContainer(context, arguments.positional[0])
        var query: [(name: String, value: String)] = [("stdout", "1"), ("stderr", "1"), ("tail", arguments.string("tail"))]
        if arguments.bool("follow") { query.append(("follow", "1")) }
        if arguments.bool("timestamps") { query.append(("timestamps", "1")) }
        if arguments.bool("details") { query.append(("details", "1")) }
        for flag in ["since", "until"] where arguments.isSet(flag) {
            do throws(Fault) { query.append((flag, try moment(arguments.string(flag)))) } catch {
                throw Fault(error.kind, "invalid value for \(quoted(flag)): \(error.reason)")
            }
        }
        let exchange = try context.client.stream(Request("GET", "/containers/\(container.id)/logs", query: query))
        var demultiplexer = StreamDemultiplexer()
        while let piece = try exchange.next() {
            if container.config.tty { Output.write(piece, to: STDOUT_FILENO) } else { try demultiplexer.print(piece) }
        }
        return 0
    }

    // MARK: exec

    static func exec(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        let isDetached = arguments.bool("detach")
        let stdin = arguments.bool("interactive") && !isDetached
        let tty = arguments.bool("tty")
        // docker asks first, so that an unknown container is said before a missing terminal.
        let container = try inspectContainer(context, arguments.positional[0])
        if !isDetached { try TerminalCheck.require(tty: tty, stdin: stdin) }
        var request = ExecCreateRequest()
        request.user = arguments.string("user")
        request.privileged = arguments.bool("privileged")
        request.tty = tty
        request.cmd = Array(arguments.positional.dropFirst())
        request.workingDir = arguments.string("workdir")
        request.detachKeys = arguments.string("detach-keys")
        request.attachStdin = stdin
        request.attachStdout = !isDetached
        request.attachStderr = !isDetached
        let environment = try EnvironmentFiles.environment(files: arguments.strings("env-file"), given: arguments.strings("env"))
        request.env = environment.isEmpty ? nil : environment
        if tty, let size = Terminal.size(STDOUT_FILENO) { request.consoleSize = [size.height, size.width] }
        let created: ExecCreated = try context.client.call(try EngineClient.json("POST", "/containers/\(container.id)/exec", request))
        var start = ExecStartRequest()
        start.detach = isDetached
        start.tty = tty
        start.consoleSize = request.consoleSize
        let startRequest = try EngineClient.json("POST", "/exec/\(created.id)/start", start)
        if isDetached {
            try context.client.perform(startRequest)
            return 0
        }
        let keys = arguments.string("detach-keys")
        let session = ExecSession(
            client: context.client, id: created.id, tty: tty, stdin: stdin, keys: try keys.isEmpty ? .standard : DetachKeys(parsing: keys))
        return try session.run(startRequest)
    }
}

/// The answer to an exec's creation.
private struct ExecCreated: Decodable {
    let id: String
    private enum CodingKeys: String, CodingKey { case id = "Id" }
}

/// An attached exec.
private struct ExecSession {
    let client: EngineClient
    let id: String
    let tty: Bool
    let stdin: Bool
    let keys: DetachKeys

    func run(_ request: Request) throws(Fault) -> Int32 {
        let stream = try client.hijack(request)
        let signals = tty ? try SignalSource([SignalSource.windowChanged]) : nil
        let raw = tty && stdin && Terminal.isTerminal(STDIN_FILENO)
        let settings = raw ? try Terminal.makeRaw(STDIN_FILENO) : nil
        defer { if let settings { Terminal.restore(settings) } }
        if tty { Resizing.first { resize() } }
        var plan = Session.Plan()
        plan.forwardsStdin = stdin
        plan.isTerminal = tty
        plan.detachKeys = raw ? keys : nil
        plan.onResize = { resize() }
        if case .detached = try Session(stream, signals: signals, plan: plan).run() { return 0 }
        let result: ExecInspect = try client.call(Request("GET", "/exec/\(id)/json"))
        return Int32(truncatingIfNeeded: result.exitCode ?? 0)
    }

    @discardableResult
    private func resize() -> Bool { Resizing.perform(client, "/exec/\(id)/resize") }
}
