import CLinux
import Faults
import Lifecycle
import Linux
import OCISpec
import ShimProtocol

// Shim carries out what the Supervisor decides, on one thread around one epoll set: it owns the
// container's streams, its runtime, its records and its clients, and decides nothing that the
// Supervisor could.

/// A running supervisor of one container.
package final class Shim {
    private let options: ShimOptions
    private let loop: EventLoop
    private let signals: SignalDescriptor
    private let reaper = Reaper()
    private let runtime: RuntimeClient
    private let records: TaskRecords
    private let log: (any LogDriver)?
    private let streams: ProcessStreams
    private let openClients = OpenClients()
    private let command: String?
    private var server: ControlServer?
    private var execs: ExecTable?
    private var health: HealthMonitor?
    private var supervisor: Supervisor
    private var queue: [Supervisor.Event] = []
    private var isHandling = false
    private var alarms: [Supervisor.Timer: EventLoop.Alarm] = [:]
    private var quietAlarm: EventLoop.Alarm?
    private var readyDescriptor: CInt?
    private var pendingStart: ((ShimReply.Outcome) -> Void)?
    private var pendingEnds: [(ShimReply.Outcome) -> Void] = []
    private var memoryKills: MemoryKills?
    private var firstFailure: Fault?
    private var isFinished = false

    /// Takes the state directory, opens log and socket. Nothing of the container exists yet.
    package init(_ options: ShimOptions) throws(Fault) {
        self.options = options
        readyDescriptor = options.readyDescriptor
        let bundle = try BundleSummary.read(options.bundle)
        command = bundle.command
        guard options.isTerminal == bundle.isTerminal else {
            let wanted =
                options.isTerminal
                ? "a terminal was asked for and process.terminal is false" : "process.terminal is true and no terminal was asked for"
            throw Fault(.invalidArgument, wanted, trail: ["read \(options.bundle)/config.json"])
        }
        records = try TaskRecords(directory: options.stateDirectory)
        log = try Shim.openLog(options.log)
        do {
            signals = try SignalDescriptor([SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGPIPE])
            try Reaper.becomeSubreaper()
            loop = try EventLoop()
        } catch { throw Fault(.failed, error.description, errno: error.rawValue, trail: ["set up the supervisor"]) }
        runtime = RuntimeClient(
            path: options.runtime, root: options.runtimeRoot, stateDirectory: options.stateDirectory, loop: loop, reaper: reaper)
        streams = ProcessStreams(
            isTerminal: options.isTerminal, input: ProcessStreams.Input(rawValue: options.input) ?? .none, log: log, loop: loop)
        supervisor = Supervisor(
            policy: options.restartPolicy, waitsForStart: options.waitsForStart, hasOwnProcessTree: bundle.hasOwnProcessTree)
        execs = ExecTable(id: options.id, stateDirectory: options.stateDirectory, loop: loop, reaper: reaper, runtime: runtime) {
            [unowned self] in server?.announce($0)
        }
        health = options.healthCheck.map { check in
            HealthMonitor(check, id: options.id, stateDirectory: options.stateDirectory, loop: loop, reaper: reaper, runtime: runtime) {
                [unowned self] in looked($0, isNewVerdict: $1)
            }
        }
        server = try ControlServer(path: records.path(ShimFile.socket), loop: loop) { [unowned self] in
            handle($0, from: $1, descriptor: $2)
        }
    }

    private static func openLog(_ log: ShimOptions.Log) throws(Fault) -> (any LogDriver)? {
        switch log {
        case .none: nil
        case .jsonFile(let path, let sizeMax, let filesMax): try JSONFileLog(path: path, sizeMax: sizeMax, filesMax: filesMax)
        }
    }

    /// Supervises until the container has ended for good and everybody has been told.
    /// - Returns: why the container never ran, or nil.
    package func run() throws(Fault) -> Fault? {
        do {
            let watch = try loop.watch(signals.descriptor.rawValue, .readable) { [unowned self] _ in takeSignals() }
            post(.begin)
            while !isFinished { try loop.turn() }
            try linger()
            loop.forget(watch)
        } catch { throw Fault(.failed, error.description, errno: error.rawValue, trail: ["wait for events"]) }
        return firstFailure
    }

    /// The container is gone and its clients were told; those who are still taking output may.
    private func linger() throws(Errno) {
        while openClients.count > 0 || (server?.hasPending ?? false) { try loop.turn() }
    }

    private func takeSignals() {
        // A signalfd that cannot be read has no signal; the next wait tells again.
        while let signal = try? signals.next() {
            switch signal {
            case SIGCHLD: reaper.collect()
            case SIGTERM, SIGINT: post(.stopRequested(signal: options.stopSignal, timeoutMilliseconds: stopMilliseconds(nil)))
            default: break
            }
        }
    }

    private func stopMilliseconds(_ seconds: Int?) -> Int64 {
        let seconds = seconds ?? options.stopTimeoutSeconds
        return seconds < 0 ? -1 : Int64(min(seconds, Int(Int32.max))) * 1_000
    }

    // MARK: - Events and actions

    /// Hands a fact to the supervisor, after those before it.
    private func post(_ event: Supervisor.Event) {
        queue.append(event)
        if !isHandling { settle([]) }
    }

    /// Hands a request to the supervisor.
    /// - Throws: why it is refused.
    private func request(_ event: Supervisor.Event) throws(Fault) {
        settle(try supervisor.handle(event, at: Clock.now()))
    }

    /// Carries actions out, then takes up the facts that they and others have left, one by one.
    private func settle(_ actions: [Supervisor.Action]) {
        noteActivity()
        isHandling = true
        defer { isHandling = false }
        for action in actions { perform(action) }
        while !queue.isEmpty {
            // A fact is not refused; what only a request can meet comes by `request`.
            guard let next = try? supervisor.handle(queue.removeFirst(), at: Clock.now()) else { continue }
            for action in next { perform(action) }
        }
    }

    /// Gives memory back when nothing has happened for a while.
    private func noteActivity() {
        if let quietAlarm { loop.cancel(quietAlarm) }
        quietAlarm = loop.after(Footprint.quietMilliseconds) { [unowned self] in
            quietAlarm = nil
            Footprint.shrink()
        }
    }

    private func perform(_ action: Supervisor.Action) {
        switch action {
        case .create: create()
        case .start:
            call(
                .init(verb: "start", arguments: [options.id], limitMilliseconds: RuntimeClient.Limit.startMilliseconds, command: command),
                .started
            ) { .startFailed($0) }
        case .delete(let force):
            let arguments = (force ? ["--force"] : []) + [options.id]
            call(.init(verb: "delete", arguments: arguments, limitMilliseconds: RuntimeClient.Limit.deleteMilliseconds), .deleted) {
                .deleteFailed($0)
            }
        case .killAll(let signal):
            let arguments = ["--all", options.id, String(signal)]
            // Whoever is not reached by this is by the forced delete that follows.
            runtime.call(.init(verb: "kill", arguments: arguments, limitMilliseconds: RuntimeClient.Limit.killMilliseconds)) { _ in }
        case .signal(let pid, let signal): kill(pid, signal)
        case .drainOutput:
            health?.runEnded()
            drainOutput()
        case .arm(let timer, let milliseconds): arm(timer, milliseconds)
        case .disarm(let timer): alarms.removeValue(forKey: timer).map(loop.cancel)
        case .writeStatus: note { () throws(Fault) in try records.write(status()) }
        case .writeExit(let record): note { () throws(Fault) in try records.write(record) }
        case .reportReady(let pid): report(.ready(pid: pid))
        case .reportFailed(let fault): firstFailure = fault
        case .announce(let event):
            server?.announce(event)
            if case .started(let run) = event { health?.runBegan(at: run.startedAt) }
        case .answerStart(let fault):
            pendingStart.take()?(fault.map { .failed(WireFault($0)) } ?? .done)
        case .finish: finish()
        }
    }

    private func call(_ invocation: RuntimeClient.Invocation, _ success: Supervisor.Event, _ failure: @escaping (Fault) -> Supervisor.Event)
    {
        runtime.call(invocation) { [unowned self] fault in post(fault.map(failure) ?? success) }
    }

    private func create() {
        let pidFile = records.path("init.pid")
        _ = unlink(pidFile)
        var arguments = ["--bundle", options.bundle, "--pid-file", pidFile]
        var inherited: [Spawn.Inherited] = []
        var console: ConsoleHolder?
        var ends: ChildEndsHolder?
        do {
            if options.isTerminal {
                let socket = ConsoleHolder(try ConsoleSocket(in: options.stateDirectory, name: "console.sock"))
                arguments += ["--console-socket", socket.argument]
                console = socket
            } else {
                let opened = ChildEndsHolder(try streams.openPipes())
                inherited = opened.inherited
                ends = opened
            }
        } catch {
            return post(.createFailed(Fault(.failed, error.description, errno: error.rawValue, trail: ["open the container's streams"])))
        }
        let invocation = RuntimeClient.Invocation(
            verb: "create", arguments: arguments + [options.id], streams: inherited,
            limitMilliseconds: RuntimeClient.Limit.createMilliseconds, makesProcess: true, command: command)
        runtime.call(invocation) { [unowned self] fault in created(fault, pidFile: pidFile, console) }
        ends?.close()
    }

    private func created(_ failure: Fault?, pidFile: String, _ console: ConsoleHolder?) {
        do throws(Fault) {
            if let failure { throw explained(failure) }
            let pid = try PidFile.read(pidFile)
            if let console { try streams.adopt(received: try console.receive()) }
            streams.startReading()
            memoryKills = MemoryKills(pid: pid)
            post(.created(pid: pid))
            reaper.expect(pid) { [unowned self] status in
                post(.initExited(status, oomKilled: memoryKills?.happened() ?? false))
            }
        } catch {
            streams.close()
            post(.createFailed(error))
        }
    }

    /// A runtime that keeps no log leaves its reason on the container's standard error.
    private func explained(_ failure: Fault) -> Fault {
        guard failure.reason.hasSuffix("said nothing"), let words = RuntimeFailure.lastLine(of: streams.unreadErrors()) else {
            return failure
        }
        return Fault(RuntimeFailure.kind(of: words, command: command), words)
    }

    private func drainOutput() {
        streams.drain { [unowned self] in
            execs?.afterDrain { [unowned self] in post(.outputEnded) }
        }
    }

    private func looked(_ report: HealthReport, isNewVerdict: Bool) {
        noteActivity()
        note { () throws(Fault) in try records.write(status()) }
        server?.announce(.health(report))
        if isNewVerdict, report.status == .unhealthy, options.restartsUnhealthy {
            post(.unhealthy(signal: options.stopSignal, timeoutMilliseconds: stopMilliseconds(nil)))
        }
    }

    private func arm(_ timer: Supervisor.Timer, _ milliseconds: Int64) {
        alarms.removeValue(forKey: timer).map(loop.cancel)
        alarms[timer] = loop.after(milliseconds) { [unowned self] in
            alarms[timer] = nil
            post(.timer(timer))
        }
    }

    /// A record that cannot be written (a full disk) must not keep the container from anything:
    /// who reads it later finds the one before, and is told the rest by the socket.
    private func note(_ write: () throws(Fault) -> Void) {
        do throws(Fault) { try write() } catch { Diagnostics.warn("cannot write a record", error.description) }
    }

    private func status() -> TaskStatus {
        TaskStatus(
            id: options.id, phase: supervisor.taskPhase, pid: supervisor.pid, shimPid: getpid(), tty: options.isTerminal,
            startedAt: supervisor.startedAt, restartCount: supervisor.restartCount, restartPolicy: supervisor.restartPolicy,
            restartsAt: supervisor.restartsAt, lastExit: supervisor.lastExit,
            health: supervisor.startedAt == nil ? nil : health?.report, logBytesLost: log?.bytesLost ?? 0,
            bundle: options.bundle, log: options.log.path)
    }

    private func report(_ readiness: ShimReadiness) {
        guard let number = readyDescriptor.take() else { return }
        let descriptor = FileDescriptor(owning: number)
        // Whoever spawned us may be gone; then nobody waits for this.
        if let line = try? LineCodec.encode(readiness) { try? descriptor.writeAll(line) }
    }

    private func finish() {
        alarms.values.forEach(loop.cancel)
        alarms = [:]
        if let quietAlarm { loop.cancel(quietAlarm) }
        quietAlarm = nil
        streams.end()
        records.leave()
        if let firstFailure { report(.failed(WireFault(firstFailure))) }
        let ends = pendingEnds
        pendingEnds = []
        for answer in ends { answer(.done) }
        server?.finish()
        isFinished = true
    }

    // MARK: - Requests

    private func handle(_ incoming: ShimRequest, from connection: Connection, descriptor: CInt?) {
        // Owned here until a stream takes it.
        var passed: FileDescriptor? = descriptor.map { FileDescriptor(owning: $0) }
        noteActivity()
        let id = incoming.id
        let answer: (ShimReply.Outcome) -> Void = { [weak connection] in connection?.send(.reply(ShimReply(id: id, $0))) }
        do throws(Fault) {
            switch incoming.order {
            case .status: answer(.status(status()))
            case .start: try start(answer)
            case .signal(let order): try signal(order, answer)
            case .stop(let order):
                pendingEnds.append(answer)
                try request(
                    .stopRequested(signal: order.signal ?? options.stopSignal, timeoutMilliseconds: stopMilliseconds(order.timeoutSeconds)))
            case .resize(let order):
                try target(order.exec).resize(width: order.width, height: order.height)
                answer(.done)
            case .attach(let order): try attach(order, passed.take(), connection, id, answer)
            case .exec(let order): try exec(order, passed.take(), answer)
            case .execStatus(let order): answer(.exec(try execTable().status(order.exec)))
            case .closeStdin(let order):
                try target(order.exec).closeInput()
                answer(.done)
            case .updateRestartPolicy(let order):
                try request(.policyChanged(order.policy))
                answer(.done)
            case .subscribe:
                answer(.done)
                connection.isSubscribed = true
            case .shutdown:
                try request(.shutdownRequested)
                if isFinished { answer(.done) } else { pendingEnds.append(answer) }
            }
        } catch { answer(.failed(WireFault(error))) }
    }

    private func execTable() throws(Fault) -> ExecTable {
        guard let execs else { throw Fault(.unavailable, "the shim is ending") }
        return execs
    }

    private func target(_ exec: String?) throws(Fault) -> ProcessStreams {
        guard let exec else { return streams }
        return try execTable().streams(exec)
    }

    private func start(_ answer: @escaping (ShimReply.Outcome) -> Void) throws(Fault) {
        guard pendingStart == nil else { throw Fault(.conflict, "the container is being started") }
        pendingStart = answer
        do throws(Fault) { try request(.startRequested) } catch {
            pendingStart = nil
            throw error
        }
    }

    private func signal(_ order: ShimRequest.Signal, _ answer: (ShimReply.Outcome) -> Void) throws(Fault) {
        guard (1...64).contains(order.signal) else { throw Fault(.invalidArgument, "no signal has the number \(order.signal)") }
        if let exec = order.exec {
            try execTable().signal(exec, order.signal)
        } else {
            try request(.signalRequested(order.signal, all: order.all ?? false, cancelRestart: order.cancelRestart ?? false))
        }
        answer(.done)
    }

    private func attach(
        _ order: ShimRequest.Attach, _ passed: consuming FileDescriptor?, _ connection: Connection, _ id: UInt64,
        _ answer: (ShimReply.Outcome) -> Void
    ) throws(Fault) {
        let streams = try target(order.exec)
        guard !isFinished, supervisor.taskPhase != .stopped else { throw Fault(.conflict, "the container has ended") }
        guard !streams.isFull else { throw Fault(.unavailable, "\(StreamLimits.clientsMax) clients are attached already") }
        if let socket = passed.take() {
            streams.add(try client(socket, stdin: order.stdin, stdout: order.stdout, stderr: order.stderr))
            return answer(.done)
        }
        // The connection itself becomes the stream, behind the answer.
        answer(.done)
        guard let taken = connection.takeOver() else { return }
        let client = try client(FileDescriptor(owning: taken.socket), stdin: order.stdin, stdout: order.stdout, stderr: order.stderr)
        client.sendFirst(taken.unsent)
        streams.add(client, early: taken.early)
    }

    private func client(_ socket: consuming FileDescriptor, stdin: Bool, stdout: Bool, stderr: Bool) throws(Fault) -> StreamClient {
        do {
            return try StreamClient(
                socket, stdin: stdin, stdout: stdout, stderr: stderr, stallMilliseconds: Int64(options.stallSeconds) * 1_000, loop: loop,
                open: openClients)
        } catch { throw Fault(.failed, error.description, errno: error.rawValue, trail: ["attach a client"]) }
    }

    private func exec(_ order: ShimRequest.Exec, _ passed: consuming FileDescriptor?, _ answer: @escaping (ShimReply.Outcome) -> Void)
        throws(Fault)
    {
        guard case .running = supervisor.phase else { throw Fault(.conflict, "the container is not running") }
        var joined: StreamClient?
        if let socket = passed.take() { joined = try client(socket, stdin: order.stdin, stdout: order.stdout, stderr: order.stderr) }
        do throws(Fault) { try execTable().start(order, client: joined, answer) } catch {
            joined?.drop()
            throw error
        }
    }
}
