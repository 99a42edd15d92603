import CLinux
import Faults
import Lifecycle
import Linux
import OCISpec
import ShimProtocol

// ExecTable owns the processes that clients add to the container.

/// The execs of a shim.
final class ExecTable {
    /// The most that run at once.
    static let runningMax = 1_024
    /// The most that are remembered after their end.
    static let endedMax = 256

    private final class Exec {
        var phase = ExecPhase.created
        let streams: ProcessStreams
        var isDraining = false
        init(streams: ProcessStreams) { self.streams = streams }
    }

    private let loop: EventLoop
    private let reaper: Reaper
    private let runtime: RuntimeClient
    private let id: String
    private let stateDirectory: String
    private let announce: (ShimEvent) -> Void
    private var execs: [String: Exec] = [:]
    private var ended: [String] = []
    private var drained: (() -> Void)?

    init(
        id: String, stateDirectory: String, loop: EventLoop, reaper: Reaper, runtime: RuntimeClient,
        announce: @escaping (ShimEvent) -> Void
    ) {
        self.id = id
        self.stateDirectory = stateDirectory
        self.loop = loop
        self.reaper = reaper
        self.runtime = runtime
        self.announce = announce
    }

    /// Runs a process. `client` joins its streams before its first byte.
    func start(_ order: ShimRequest.Exec, client: StreamClient?, _ done: @escaping (ShimReply.Outcome) -> Void) throws(Fault) {
        try check(order.exec)
        let streams = ProcessStreams(isTerminal: order.tty, input: order.stdin ? .once : .none, log: nil, loop: loop)
        if let client { streams.add(client) }
        let exec = Exec(streams: streams)
        // A new exec takes its start; the phase machine refuses only a second one.
        do throws(ExecRejection) { try exec.phase.handle(.startRequested) } catch { throw error.fault(order.exec) }
        do throws(Fault) { try launch(order, exec, done) } catch {
            streams.end()
            throw error
        }
        execs[order.exec] = exec
    }

    private func check(_ name: String) throws(Fault) {
        let allowed = name.utf8.allSatisfy { byte in
            switch UnicodeScalar(byte) {
            case "a"..."z", "A"..."Z", "0"..."9", "_", ".", "-": true
            default: false
            }
        }
        guard allowed, (1...128).contains(name.utf8.count), !name.hasPrefix(".") else {
            throw Fault(.invalidArgument, "an exec's name has 1 to 128 of a-z A-Z 0-9 _ . - and begins with no dot: \(name)")
        }
        guard execs[name] == nil else { throw Fault(.conflict, "exec \(name) exists already") }
        guard execs.count - ended.count < ExecTable.runningMax else {
            throw Fault(.unavailable, "\(ExecTable.runningMax) execs run already")
        }
    }

    private func launch(_ order: ShimRequest.Exec, _ exec: Exec, _ done: @escaping (ShimReply.Outcome) -> Void) throws(Fault) {
        let files = ExecFiles(directory: stateDirectory, name: order.exec)
        var process = order.process
        process.terminal = order.tty
        var arguments = ["--process", files.process, "--pid-file", files.pid, "-d"]
        let console: ConsoleHolder?
        var inherited: [Spawn.Inherited] = []
        let ends: ChildEndsHolder?
        do {
            try Files.replace(files.process, with: try JSON.encode(process), durable: false)
            if order.tty {
                let socket = ConsoleHolder(try ConsoleSocket(in: stateDirectory, name: "exec-\(order.exec).sock"))
                arguments += ["--console-socket", socket.argument]
                console = socket
                ends = nil
            } else {
                let opened = ChildEndsHolder(try exec.streams.openPipes())
                inherited = opened.inherited
                ends = opened
                console = nil
            }
        } catch let error as Errno {
            files.remove()
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["prepare exec \(order.exec)"])
        } catch let error as Fault {
            files.remove()
            throw error.within("prepare exec \(order.exec)")
        } catch {
            throw Fault(.failed, "\(error)")
        }
        let invocation = RuntimeClient.Invocation(
            verb: "exec", arguments: arguments + [id], streams: inherited, limitMilliseconds: RuntimeClient.Limit.execMilliseconds,
            makesProcess: true, command: process.args?.first)
        runtime.call(invocation) { [unowned self] fault in
            ends?.close()
            finishLaunch(order.exec, exec, files, console, fault, done)
        }
        ends?.close()
    }

    private func finishLaunch(
        _ name: String, _ exec: Exec, _ files: ExecFiles, _ console: ConsoleHolder?, _ failure: Fault?,
        _ done: (ShimReply.Outcome) -> Void
    ) {
        defer { files.remove() }
        do throws(Fault) {
            if let failure { throw exec.streams.explained(failure) }
            let pid = try files.readPid()
            if let console { try exec.streams.adopt(received: try console.receive()) }
            exec.streams.startReading()
            update(exec, .started(pid: pid))
            done(.exec(ExecStatus(exec: name, running: true, pid: pid)))
            announce(.execStarted(.init(exec: name, pid: pid)))
            reaper.expect(pid) { [unowned self] in exited(name, exec, $0) }
        } catch {
            update(exec, .startFailed(code: error.kind.exitCode))
            exec.streams.end()
            remember(name)
            done(.failed(WireFault(error)))
        }
    }

    private func exited(_ name: String, _ exec: Exec, _ status: ExitStatus) {
        exec.isDraining = true
        exec.streams.drain { [unowned self] in
            exec.isDraining = false
            guard case .running(let pid) = exec.phase else { return }
            update(exec, .exited(code: status.shellCode))
            exec.streams.end()
            remember(name)
            announce(.execExited(.init(exec: name, pid: pid, exitCode: status.shellCode)))
            tellIfDrained()
        }
    }

    private func update(_ exec: Exec, _ event: ExecEvent) {
        // Facts are never refused.
        try? exec.phase.handle(event)
    }

    private func remember(_ name: String) {
        ended.append(name)
        if ended.count > ExecTable.endedMax { execs[ended.removeFirst()] = nil }
    }

    /// Calls back when every exec that has ended has been told of.
    func afterDrain(_ done: @escaping () -> Void) {
        drained = done
        tellIfDrained()
    }

    private func tellIfDrained() {
        guard let done = drained, !execs.values.contains(where: \.isDraining) else { return }
        drained = nil
        done()
    }

    // MARK: - Requests

    private func find(_ name: String) throws(Fault) -> Exec {
        guard let exec = execs[name] else { throw Fault(.notFound, "no exec \(name)") }
        return exec
    }

    /// The state of an exec.
    func status(_ name: String) throws(Fault) -> ExecStatus {
        switch try find(name).phase {
        case .created, .starting: ExecStatus(exec: name, running: false)
        case .running(let pid): ExecStatus(exec: name, running: true, pid: pid)
        case .ended(let pid, let code): ExecStatus(exec: name, running: false, pid: pid, exitCode: code)
        }
    }

    /// The streams of an exec that has not ended.
    func streams(_ name: String) throws(Fault) -> ProcessStreams {
        let exec = try find(name)
        switch exec.phase {
        case .created, .starting, .running: return exec.streams
        case .ended: throw Fault(.conflict, "exec \(name) has ended")
        }
    }

    /// Sends a signal to an exec's process.
    func signal(_ name: String, _ signal: Int32) throws(Fault) {
        let exec = try find(name)
        guard case .running(let pid) = exec.phase, !exec.isDraining else { throw Fault(.conflict, "exec \(name) is not running") }
        guard kill(pid, signal) == 0 else { throw Fault(.failed, Errno.current.description, trail: ["signal exec \(name)"]) }
    }
}

/// The files that one call of `exec` needs.
private struct ExecFiles {
    let process: String
    let pid: String

    init(directory: String, name: String) {
        process = "\(directory)/exec-\(name).json"
        pid = "\(directory)/exec-\(name).pid"
    }

    func readPid() throws(Fault) -> pid_t { try PidFile.read(pid) }

    func remove() {
        _ = unlink(process)
        _ = unlink(pid)
    }
}
