import Faults
import Lifecycle
import Linux
import ShimProtocol

// Supervisor owns the decisions of a shim: what is to be done after each request and each thing
// that happens. It does nothing itself and waits for nothing; `Shim` carries its actions out in
// their order and reports back by events.
//
//   creating ──created──► created ──startRequested──► starting ──started──► running
//      ▲                                                                       │ initExited
//      │ timer(.restart)                                                       ▼
//   waiting ◄──deleted── deleting(.restart) ◄──policy── draining ◄─────────────┘
//                                                          │ no restart
//                         finished ◄──deleted── deleting(.finish)

/// The pure half of the shim.
package struct Supervisor: Sendable {
    /// Where the task stands, with what exists there.
    package enum Phase: Hashable, Sendable {
        /// Nothing has been done yet.
        case idle
        /// The runtime is making the container; `killWhenMade` when somebody gave up on it meanwhile.
        case creating(killWhenMade: Bool)
        /// Made; waits for `startRequested`.
        case created(pid: Int32)
        /// The runtime is starting it. Its first process may have ended before the runtime says so.
        case starting(pid: Int32, ended: Ending?)
        /// Its command runs.
        case running(Run)
        /// Its first process has ended, its output has not.
        case draining(Ending, Run?)
        /// The runtime is deleting it.
        case deleting(Next, forced: Bool)
        /// It will be made again when the timer fires.
        case waiting(ExitRecord)
        /// Everything is put away.
        case finished
    }

    /// How the first process ended.
    package struct Ending: Hashable, Sendable {
        /// Its status.
        package var status: ExitStatus
        /// When it was reaped.
        package var at: Timestamp
        /// Whether the kernel killed for want of memory.
        package var oomKilled: Bool

        /// Makes an ending.
        package init(status: ExitStatus, at: Timestamp, oomKilled: Bool = false) {
            self.status = status
            self.at = at
            self.oomKilled = oomKilled
        }
    }

    /// What comes after the runtime has deleted the container.
    package enum Next: Hashable, Sendable {
        /// Making it again.
        case restart(ExitRecord, delayMilliseconds: Int64)
        /// The end.
        case finish(ExitRecord)
    }

    /// What somebody wants, or what happened.
    package enum Event: Hashable, Sendable {
        /// The shim is ready to begin.
        case begin
        /// The runtime has made the container.
        case created(pid: Int32)
        /// It could not.
        case createFailed(Fault)
        /// A client wants it started.
        case startRequested
        /// The runtime has started it.
        case started
        /// It could not.
        case startFailed(Fault)
        /// The first process was reaped.
        case initExited(ExitStatus, oomKilled: Bool)
        /// Everything the container wrote is in the log and with the clients, or the wait is over.
        case outputEnded
        /// The runtime has deleted the container.
        case deleted
        /// It could not.
        case deleteFailed(Fault)
        /// A client wants to send a signal.
        case signalRequested(Int32, all: Bool, cancelRestart: Bool)
        /// A client wants it ended for good; a negative timeout waits for ever.
        case stopRequested(signal: Int32, timeoutMilliseconds: Int64)
        /// A client wants a container that does not run put away.
        case shutdownRequested
        /// A client changes the policy.
        case policyChanged(RestartPolicy)
        /// It is not well, and is to be ended and started again; a negative timeout waits for ever.
        case unhealthy(signal: Int32, timeoutMilliseconds: Int64)
        /// A timer that was armed has fired.
        case timer(Timer)
    }

    /// The supervisor's timers; each is armed once at a time.
    package enum Timer: String, Hashable, Sendable, CaseIterable {
        /// Stop has waited long enough for the container to end by itself.
        case stop
        /// SIGKILL did not end it; the runtime is asked to kill all of it.
        case kill
        /// The delay before the next run is over.
        case restart
    }

    /// What is to be done, in this order.
    package enum Action: Hashable, Sendable {
        /// Open the streams and run `create`.
        case create
        /// Run `start`.
        case start
        /// Run `delete`, `--force` when forced.
        case delete(force: Bool)
        /// Run `kill --all` with this signal.
        case killAll(Int32)
        /// Send a signal to the first process.
        case signal(pid: Int32, Int32)
        /// Take what output there is; report `outputEnded`.
        case drainOutput
        /// Arm a timer.
        case arm(Timer, milliseconds: Int64)
        /// Disarm a timer.
        case disarm(Timer)
        /// Replace status.json.
        case writeStatus
        /// Write exit.json and wait until it is on disk.
        case writeExit(ExitRecord)
        /// Tell whoever spawned the shim; only the first report goes out.
        case reportReady(pid: Int32)
        /// Tell whoever spawned the shim that there will be no container.
        case reportFailed(Fault)
        /// Tell subscribers.
        case announce(ShimEvent)
        /// Answer the client that asked for the start; nil is success.
        case answerStart(Fault?)
        /// Answer those who wait for the end, close and leave.
        case finish
    }

    /// Where the task stands.
    package private(set) var phase: Phase = .idle
    /// How the last run ended.
    package private(set) var lastExit: ExitRecord?
    /// When the present or last run began.
    package private(set) var startedAt: Timestamp?
    /// When the next run begins.
    package private(set) var restartsAt: Timestamp?
    private var tracker: RestartTracker
    private var isFirstRun = true
    private var isUnhealthy = false
    private let waitsForStart: Bool
    private let hasOwnProcessTree: Bool

    /// How long SIGKILL may take before the runtime is asked to kill every process.
    package static let killMilliseconds: Int64 = 10_000

    /// - Parameters:
    ///   - waitsForStart: whether the first run waits for `startRequested`.
    ///   - hasOwnProcessTree: whether the kernel ends all its processes with the first (a PID
    ///     namespace of its own).
    package init(policy: RestartPolicy, waitsForStart: Bool, hasOwnProcessTree: Bool) {
        tracker = RestartTracker(policy: policy)
        self.waitsForStart = waitsForStart
        self.hasOwnProcessTree = hasOwnProcessTree
    }

    /// The policy in force.
    package var restartPolicy: RestartPolicy { tracker.policy }
    /// How often it was started again.
    package var restartCount: Int { tracker.restartCount }

    /// Takes an event and says what to do. A refused request changes nothing.
    /// - Throws: `.conflict` or `.notModified` for a request that the phase does not allow.
    package mutating func handle(_ event: Event, at now: Timestamp) throws(Fault) -> [Action] {
        switch event {
        case .begin: begin()
        case .created(let pid): created(pid)
        case .createFailed(let fault), .startFailed(let fault): failed(fault, at: now)
        case .startRequested: try requestStart()
        case .started: started(at: now)
        case .initExited(let status, let oomKilled): initExited(Ending(status: status, at: now, oomKilled: oomKilled))
        case .outputEnded: outputEnded(at: now)
        case .deleted: deleted(at: now)
        case .deleteFailed: deleteFailed(at: now)
        case .signalRequested(let signal, let all, let cancelRestart): try requestSignal(signal, all: all, cancelRestart: cancelRestart)
        case .stopRequested(let signal, let timeout): requestStop(signal, timeoutMilliseconds: timeout)
        case .shutdownRequested: try requestShutdown()
        case .policyChanged(let policy): change(policy)
        case .unhealthy(let signal, let timeout): endUnhealthy(signal, timeoutMilliseconds: timeout)
        case .timer(let timer): fired(timer)
        }
    }

    // MARK: - Beginning

    private mutating func begin() -> [Action] {
        guard phase == .idle else { return [] }
        phase = .creating(killWhenMade: false)
        return [.writeStatus, .create]
    }

    private mutating func created(_ pid: Int32) -> [Action] {
        guard case .creating(let killWhenMade) = phase else { return [] }
        if isFirstRun && waitsForStart || killWhenMade {
            phase = .created(pid: pid)
            let made: [Action] = [.writeStatus, .reportReady(pid: pid)]
            return killWhenMade ? made + [.signal(pid: pid, SignalNumber.kill)] : made
        }
        phase = .starting(pid: pid, ended: nil)
        return [.writeStatus, .start]
    }

    private mutating func requestStart() throws(Fault) -> [Action] {
        switch phase {
        case .created(let pid):
            phase = .starting(pid: pid, ended: nil)
            return [.start]
        case .running, .draining, .waiting: throw Fault(.notModified, "the container is already started")
        case .starting: throw Fault(.conflict, "the container is being started")
        case .deleting(.restart, _): throw Fault(.notModified, "the container is already started")
        case .idle, .creating: throw Fault(.conflict, "the container is still being made")
        case .deleting(.finish, _), .finished: throw Fault(.conflict, "the container has ended")
        }
    }

    private mutating func started(at now: Timestamp) -> [Action] {
        guard case .starting(let pid, let ended) = phase else { return [] }
        isFirstRun = false
        // A command may be over before the runtime has said that it began.
        let began = ended.map { min($0.at, now) } ?? now
        startedAt = began
        restartsAt = nil
        let run = Run(pid: pid, startedAt: began)
        phase = .running(run)
        let told: [Action] = [
            .writeStatus, .reportReady(pid: pid), .announce(.started(.init(pid: pid, startedAt: began))), .answerStart(nil),
        ]
        guard let ended else { return told }
        return told + initExited(ended)
    }

    /// Making or starting it failed. The first time that is the end; later it is an exit like any
    /// other, because a full machine may well take the container again in a minute.
    private mutating func failed(_ fault: Fault, at now: Timestamp) -> [Action] {
        switch phase {
        case .creating, .starting: break
        case .idle, .created, .running, .draining, .deleting, .waiting, .finished: return []
        }
        let record = ExitRecord(
            exitCode: fault.kind.exitCode, startedAt: nil, exitedAt: now, restartCount: tracker.restartCount, error: WireFault(fault))
        let answer = Action.answerStart(fault)
        guard isFirstRun else { return [answer] + conclude(record, ranMilliseconds: 0, forced: true, at: now) }
        tracker.cancel()
        return [.reportFailed(fault), answer] + conclude(record, ranMilliseconds: 0, forced: true, at: now)
    }

    // MARK: - Ending

    private mutating func initExited(_ ending: Ending) -> [Action] {
        switch phase {
        case .starting(let pid, _):
            phase = .starting(pid: pid, ended: ending)
            return []
        case .created:
            phase = .draining(ending, nil)
        case .running(let run):
            phase = .draining(ending, run)
        case .idle, .creating, .draining, .deleting, .waiting, .finished:
            return []
        }
        let rest: [Action] = hasOwnProcessTree ? [] : [.killAll(SignalNumber.kill)]
        return [.disarm(.stop), .disarm(.kill)] + rest + [.drainOutput]
    }

    private mutating func outputEnded(at now: Timestamp) -> [Action] {
        guard case .draining(let ending, let run) = phase else { return [] }
        let signal: Int32? = if case .signaled(let number) = ending.status { number } else { nil }
        let record = ExitRecord(
            exitCode: ending.status.shellCode, signal: signal, oomKilled: ending.oomKilled, startedAt: run?.startedAt,
            exitedAt: ending.at, restartCount: tracker.restartCount)
        let ran = run.map { ending.at.milliseconds(since: $0.startedAt) } ?? 0
        if run == nil { tracker.cancel() }
        let told: [Action] = ending.oomKilled ? [.announce(.oom)] : []
        return told + conclude(record, ranMilliseconds: ran, forced: false, at: now)
    }

    /// Decides between the next run and the end; what is decided is on disk before it is told.
    private mutating func conclude(_ record: ExitRecord, ranMilliseconds: Int64, forced: Bool, at now: Timestamp) -> [Action] {
        lastExit = record
        defer { isUnhealthy = false }
        switch tracker.exited(code: record.exitCode, ranMilliseconds: ranMilliseconds, isUnhealthy: isUnhealthy) {
        case .stay:
            phase = .deleting(.finish(record), forced: forced)
            return [.writeExit(record), .writeStatus, .delete(force: forced)]
        case .restart(let delay):
            phase = .deleting(.restart(record, delayMilliseconds: delay), forced: forced)
            restartsAt = now.adding(milliseconds: delay)
            let exited = ShimEvent.Exited(exit: record, willRestart: true, restartDelayMilliseconds: delay)
            return [.writeStatus, .announce(.exited(exited)), .delete(force: forced)]
        }
    }

    private mutating func deleted(at now: Timestamp) -> [Action] {
        guard case .deleting(let next, _) = phase else { return [] }
        switch next {
        case .restart(let record, _):
            phase = .waiting(record)
            let rest = restartsAt.map { max(0, $0.milliseconds(since: now)) } ?? 0
            return [.arm(.restart, milliseconds: rest)]
        case .finish(let record):
            return finish(record)
        }
    }

    /// A container that cannot be deleted is tried once more by force; then the shim goes on: the
    /// next create, or the engine's clean-up, meets what is left with a better message.
    private mutating func deleteFailed(at now: Timestamp) -> [Action] {
        guard case .deleting(let next, let forced) = phase else { return [] }
        if forced { return deleted(at: now) }
        phase = .deleting(next, forced: true)
        return [.delete(force: true)]
    }

    private mutating func finish(_ record: ExitRecord) -> [Action] {
        phase = .finished
        return [.announce(.exited(.init(exit: record, willRestart: false))), .finish]
    }

    // MARK: - Requests

    private mutating func requestSignal(_ signal: Int32, all: Bool, cancelRestart: Bool) throws(Fault) -> [Action] {
        let pid: Int32
        switch phase {
        case .created(let first), .starting(let first, nil): pid = first
        case .running(let run): pid = run.pid
        case .waiting, .deleting(.restart, _): throw Fault(.conflict, "the container is restarting")
        case .idle, .creating, .starting, .draining, .deleting, .finished: throw Fault(.conflict, "the container is not running")
        }
        if cancelRestart { tracker.cancel() }
        return [all ? .killAll(signal) : .signal(pid: pid, signal)]
    }

    private mutating func requestStop(_ signal: Int32, timeoutMilliseconds: Int64) -> [Action] {
        tracker.cancel()
        switch phase {
        case .running(let run): return end(run.pid, signal, timeoutMilliseconds)
        case .starting(let pid, nil): return end(pid, signal, timeoutMilliseconds)
        case .created(let pid): return [.signal(pid: pid, SignalNumber.kill)]
        case .creating:
            phase = .creating(killWhenMade: true)
            return []
        case .waiting(let record): return [.disarm(.restart), .writeExit(record), .writeStatus] + finish(record)
        case .deleting(.restart(let record, _), let forced):
            phase = .deleting(.finish(record), forced: forced)
            return [.writeExit(record), .writeStatus]
        case .idle:
            phase = .finished
            return [.finish]
        // Ended already: its pid may be somebody else's by now.
        case .starting, .draining, .deleting, .finished: return []
        }
    }

    /// As a stop that cancels nothing: what follows the end is another run.
    private mutating func endUnhealthy(_ signal: Int32, timeoutMilliseconds: Int64) -> [Action] {
        guard case .running(let run) = phase, !isUnhealthy, !tracker.cancelled else { return [] }
        isUnhealthy = true
        return end(run.pid, signal, timeoutMilliseconds)
    }

    private func end(_ pid: Int32, _ signal: Int32, _ timeoutMilliseconds: Int64) -> [Action] {
        if timeoutMilliseconds == 0 { return kill(pid) }
        let asked: [Action] = [.signal(pid: pid, signal), .disarm(.stop)]
        return timeoutMilliseconds < 0 ? asked : asked + [.arm(.stop, milliseconds: timeoutMilliseconds)]
    }

    private func kill(_ pid: Int32) -> [Action] {
        [.signal(pid: pid, SignalNumber.kill), .disarm(.stop), .arm(.kill, milliseconds: Supervisor.killMilliseconds)]
    }

    private mutating func requestShutdown() throws(Fault) -> [Action] {
        switch phase {
        case .starting, .running, .draining: throw Fault(.conflict, "the container is running; stop it first")
        case .idle, .creating, .created, .deleting, .waiting, .finished: return requestStop(SignalNumber.kill, timeoutMilliseconds: 0)
        }
    }

    private mutating func change(_ policy: RestartPolicy) -> [Action] {
        tracker.policy = policy
        return [.writeStatus]
    }

    private mutating func fired(_ timer: Timer) -> [Action] {
        switch (timer, phase) {
        case (.restart, .waiting):
            phase = .creating(killWhenMade: false)
            return [.announce(.restarting), .writeStatus, .create]
        case (.stop, .running(let run)): return kill(run.pid)
        case (.stop, .starting(let pid, nil)): return kill(pid)
        case (.kill, .running), (.kill, .starting):
            return [.killAll(SignalNumber.kill), .arm(.kill, milliseconds: Supervisor.killMilliseconds)]
        case (.restart, _), (.stop, _), (.kill, _): return []
        }
    }
}

/// Signals that the supervisor names itself.
enum SignalNumber {
    static let kill: Int32 = 9
    static let terminate: Int32 = 15
}

extension Supervisor {
    /// The phase as clients and status.json name it.
    package var taskPhase: TaskPhase {
        switch phase {
        case .idle, .creating: isFirstRun ? .creating : .restarting
        case .created, .starting: isFirstRun ? .created : .restarting
        case .running, .draining: .running
        case .deleting(.restart, _), .waiting: .restarting
        case .deleting(.finish, _), .finished: .stopped
        }
    }

    /// The first process, while there is one.
    package var pid: Int32? {
        switch phase {
        case .created(let pid), .starting(let pid, nil): pid
        case .running(let run): run.pid
        case .idle, .creating, .starting, .draining, .deleting, .waiting, .finished: nil
        }
    }
}
