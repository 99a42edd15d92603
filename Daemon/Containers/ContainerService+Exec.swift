// Exec: processes added to a running container.
import EngineAPI
import Faults
import Linux
import OCISpec
import ShimProtocol

extension ContainerService {
    /// Notes a process to be added; nothing runs yet.
    /// - Throws: `conflict` when the container does not run.
    package func execCreate(_ reference: String, request: ExecCreateRequest) async throws(Fault) -> String {
        let container = try registry.find(reference)
        try requireRunning(container)
        guard let command = request.cmd, !command.isEmpty else { throw Fault(.invalidArgument, "No exec command specified") }
        if !request.workingDir.isEmpty && !request.workingDir.hasPrefix("/") {
            throw Fault(.invalidArgument, "the working directory '\(request.workingDir)' is invalid, it needs to be an absolute path")
        }
        guard container.execIDs.count < Self.execsMax else {
            throw Fault(.unavailable, "container \(container.id) has \(Self.execsMax) execs already")
        }
        let exec = ExecProcess(id: ContainerID.random().text, container: container.id, request: request)
        let forgotten = container.addExec(exec)
        registry.insertExec(exec.id, of: container.id, forgetting: forgotten)
        publish("exec_create: \(exec.commandLine)", container.record, ["execID": exec.id])
        return exec.id
    }

    /// The most execs of one container that have not ended.
    static let execsMax = 1_024

    /// Finds out whether an exec can be started and what it would run; nothing runs before the launch does.
    /// - Throws: `conflict` when it was started before or its container does not run, `invalidArgument`
    ///   for a user that is not to be found.
    package func execPrepare(_ id: String, request: ExecStartRequest) async throws(Fault) -> ExecLaunch {
        let container = try registry.container(ofExec: id)
        guard let shim = container.shim else { throw notRunning(container) }
        guard let exec = container.exec(id) else { throw Fault(.notFound, "No such exec instance: \(id)") }
        guard case .created = exec.phase else { throw alreadyRun(id) }
        return try await settling(id, of: container) { [self] () async throws(Fault) in
            try requireRunning(container)
            var wanted = exec.request
            if let size = request.consoleSize { wanted.consoleSize = size }
            let process = try await execProcess(wanted, container.record)
            return ExecLaunch { [self] () async throws(Fault) in
                let exec = try begin(id, of: container)
                return try await settling(id, of: container) { [self] () async throws(Fault) in
                    publish("exec_start: \(exec.commandLine)", container.record, ["execID": id])
                    return try await start(exec, process, shim, detach: request.detach, container)
                }
            }
        }
    }

    /// An exec that fails to start has ended, with the code that a shell would give.
    private func settling<Value: ~Copyable>(
        _ id: String, of container: Container, _ body: () async throws(Fault) -> Value
    ) async throws(Fault) -> Value {
        do throws(Fault) { return try await body() } catch {
            let code = switch error.kind {
            case .commandNotFound: 127
            case .commandNotExecutable: 126
            case .invalidArgument, .notFound, .conflict, .notModified, .forbidden, .unauthorized, .tooLarge, .noSpace, .unsupported,
                .unavailable, .failed:
                128
            }
            _ = container.updateExec(id) { $0.phase = .ended(exitCode: code) }
            throw error
        }
    }

    /// Marks the exec as starting: only one start may win.
    private func begin(_ id: String, of container: Container) throws(Fault) -> ExecProcess {
        var won = false
        let exec = container.updateExec(id) { exec in
            guard case .created = exec.phase else { return }
            exec.phase = .starting
            won = true
        }
        guard let exec else { throw Fault(.notFound, "No such exec instance: \(id)") }
        guard won else { throw alreadyRun(id) }
        return exec
    }

    private func alreadyRun(_ id: String) -> Fault { Fault(.conflict, "Error: Exec command \(id) has already run") }

    private func execProcess(_ request: ExecCreateRequest, _ record: ContainerRecord) async throws(Fault) -> RuntimeSpec.Process {
        try await blocking { [configuration, facts] () throws(Fault) in
            let user = try UserLookup.resolve(
                request.user.isEmpty ? record.config.user : request.user,
                additional: request.user.isEmpty ? record.hostConfig.groupAdd ?? [] : [], rootfs: configuration.rootfs(record.id.text))
            return try SpecBuilder.execProcess(request, user: user, record: record, facts: facts)
        }
    }

    private func start(
        _ exec: ExecProcess, _ process: RuntimeSpec.Process, _ shim: ShimConnection, detach: Bool, _ container: Container
    ) async throws(Fault) -> AttachSession? {
        let wanted = exec.request
        var order = ShimRequest.Exec(
            exec: exec.id, process: process, tty: wanted.tty, stdin: wanted.attachStdin && !detach, stdout: wanted.attachStdout && !detach,
            stderr: wanted.attachStderr && !detach)
        if detach {
            order.stdin = false
            try await noteStarted(exec, try await add(order, to: shim), container)
            return nil
        }
        let (mine, theirs) = try system("make a stream") { () throws(Errno) in try UnixSocket.pair() }.split()
        let stream = FileDescriptor(owning: mine)
        try await noteStarted(exec, try await add(order, to: shim, passing: theirs), container)
        return AttachSession(stream: stream, tty: wanted.tty)
    }

    /// Asks the shim for an exec. A process that cannot be made for whatever reason (its directory, its
    /// terminal) is for the client one that cannot be executed: the container itself is well.
    private func add(_ order: ShimRequest.Exec, to shim: ShimConnection, passing: CInt? = nil) async throws(Fault) -> ShimReply.Outcome {
        do throws(Fault) { return try await shim.request(.exec(order), passing: passing) } catch {
            guard error.kind == .failed else { throw error }
            throw Fault(.commandNotExecutable, error.reason, errno: error.errno, trail: error.trail)
        }
    }

    private func noteStarted(_ exec: ExecProcess, _ outcome: ShimReply.Outcome, _ container: Container) async throws(Fault) {
        guard case .exec(let status) = outcome else { throw Fault(.failed, "the shim gave an answer that fits no exec") }
        _ = container.updateExec(exec.id) { exec in
            // A short one may have ended by now, which its event has told.
            guard exec.phase == .starting else { return }
            if let code = status.exitCode { exec.phase = .ended(exitCode: Int(code)) } else { exec.phase = .running(pid: Int(status.pid ?? 0)) }
        }
    }

    /// How an exec is.
    package func execInspect(_ id: String) async throws(Fault) -> ExecInspect {
        let container = try registry.container(ofExec: id)
        guard let exec = container.exec(id) else { throw Fault(.notFound, "No such exec instance: \(id)") }
        var answer = ExecInspect()
        answer.id = id
        answer.containerID = exec.container.text
        switch exec.phase {
        case .created, .starting: break
        case .running(let pid):
            // Its stream may have ended before the event of its exit has come, and clients ask at
            // the end of the stream: its supervisor knows by then.
            let code = await exitCode(id, container)
            answer.running = code == nil
            answer.exitCode = code
            answer.canRemove = code != nil
            answer.pid = pid
        case .ended(let code):
            answer.exitCode = code
            answer.canRemove = true
        }
        answer.detachKeys = exec.request.detachKeys
        answer.openStdin = exec.request.attachStdin
        answer.openStdout = exec.request.attachStdout
        answer.openStderr = exec.request.attachStderr
        answer.processConfig.tty = exec.request.tty
        answer.processConfig.entrypoint = exec.request.cmd?.first ?? ""
        answer.processConfig.arguments = Array((exec.request.cmd ?? []).dropFirst())
        answer.processConfig.privileged = exec.request.privileged
        answer.processConfig.user = exec.request.user
        return answer
    }

    /// What the shim says an exec returned; nil while it runs, and where the shim does not answer.
    private func exitCode(_ id: String, _ container: Container) async -> Int? {
        guard let shim = container.shim,
            let outcome = try? await shim.request(.execStatus(ShimRequest.ExecReference(exec: id))),  // The shim has gone: its event tells.
            case .exec(let status) = outcome
        else {
            guard case .ended(let code)? = container.exec(id)?.phase else { return nil }
            return code
        }
        return status.exitCode.map { Int($0) }
    }

    /// Sets the size of an exec's terminal.
    package func execResize(_ id: String, height: Int, width: Int) async throws(Fault) {
        let container = try registry.container(ofExec: id)
        guard let shim = container.shim else { throw notRunning(container) }
        let size = try terminalSize(height: height, width: width)
        try await shim.request(.resize(ShimRequest.Resize(exec: id, width: size.width, height: size.height)))
    }

    private func requireRunning(_ container: Container) throws(Fault) {
        switch container.record.phase {
        case .running: return
        case .restarting: throw Fault(.conflict, "Container \(container.id) is restarting, wait until the container is running")
        case .creating, .created, .starting, .exited, .removing: throw notRunning(container)
        }
    }

    private func notRunning(_ container: Container) -> Fault {
        Fault(.conflict, "container \(container.id) is not running")
    }
}
