import Faults
import Lifecycle
import Linux
import ShimProtocol
import Testing

@testable import ShimCore

/// The supervisor's decisions. Every phase is reached by events, as in life.
@Suite struct SupervisorTests {
    static let failure = Fault(.failed, "broken")

    /// A supervisor that has lived through these events, a second each.
    static func lived(_ events: [Supervisor.Event], policy: RestartPolicy = .no, waits: Bool = true, ownTree: Bool = true) -> Supervisor {
        var supervisor = Supervisor(policy: policy, waitsForStart: waits, hasOwnProcessTree: ownTree)
        for (index, event) in events.enumerated() {
            // Only events that fit are listed here.
            _ = try! supervisor.handle(event, at: Timestamp(seconds: Int64(index)))
        }
        return supervisor
    }

    static let toRunning: [Supervisor.Event] = [.begin, .created(pid: 7), .startRequested, .started]
    static let failed = Supervisor.Event.initExited(.exited(code: 1), oomKilled: false)

    /// Each phase, with a supervisor in it.
    static let phases: [(String, Supervisor)] = [
        ("idle", lived([])), ("creating", lived([.begin])), ("created", lived([.begin, .created(pid: 7)])),
        ("starting", lived([.begin, .created(pid: 7), .startRequested])), ("running", lived(toRunning)),
        ("draining", lived(toRunning + [failed])), ("deleting", lived(toRunning + [failed, .outputEnded])),
        ("redeleting", lived(toRunning + [failed, .outputEnded], policy: .always)),
        ("waiting", lived(toRunning + [failed, .outputEnded, .deleted], policy: .always)),
        ("finished", lived(toRunning + [failed, .outputEnded, .deleted])),
    ]

    static let events: [(String, Supervisor.Event)] = [
        ("begin", .begin), ("created", .created(pid: 9)), ("createFailed", .createFailed(failure)), ("startRequested", .startRequested),
        ("started", .started), ("startFailed", .startFailed(failure)), ("initExited", failed), ("outputEnded", .outputEnded),
        ("deleted", .deleted), ("deleteFailed", .deleteFailed(failure)), ("signal", .signalRequested(1, all: false, cancelRestart: false)),
        ("stop", .stopRequested(signal: 15, timeoutMilliseconds: 5_000)), ("shutdown", .shutdownRequested), ("policy", .policyChanged(.no)),
        ("unhealthy", .unhealthy(signal: 15, timeoutMilliseconds: 5_000)),
        ("stopTimer", .timer(.stop)), ("killTimer", .timer(.kill)), ("restartTimer", .timer(.restart)),
    ]

    /// A cell is the phase after the event, `.` for the same without anything to do, `=` for the
    /// same with something to do, `!` for a refusal.
    static let table = """
        event          | idle     | creating | created  | starting | running  | draining   | deleting | redeleting | waiting  | finished
        begin          | creating | .        | .        | .        | .        | .          | .        | .          | .        | .
        created        | .        | created  | .        | .        | .        | .          | .        | .          | .        | .
        createFailed   | .        | deleting | .        | deleting | .        | .          | .        | .          | .        | .
        startRequested | !        | !        | starting | !        | !        | !          | !        | !          | !        | !
        started        | .        | .        | .        | running  | .        | .          | .        | .          | .        | .
        startFailed    | .        | deleting | .        | deleting | .        | .          | .        | .          | .        | .
        initExited     | .        | .        | draining | .        | draining | .          | .        | .          | .        | .
        outputEnded    | .        | .        | .        | .        | .        | deleting   | .        | .          | .        | .
        deleted        | .        | .        | .        | .        | .        | .          | finished | waiting    | .        | .
        deleteFailed   | .        | .        | .        | .        | .        | .          | =        | =          | .        | .
        signal         | !        | !        | =        | =        | =        | !          | !        | !          | !        | !
        stop           | finished | .        | =        | =        | =        | .          | .        | deleting   | finished | .
        shutdown       | finished | .        | =        | !        | !        | !          | .        | deleting   | finished | .
        policy         | =        | =        | =        | =        | =        | =          | =        | =          | =        | =
        unhealthy      | .        | .        | .        | .        | =        | .          | .        | .          | .        | .
        stopTimer      | .        | .        | .        | =        | =        | .          | .        | .          | .        | .
        killTimer      | .        | .        | .        | =        | =        | .          | .        | .          | .        | .
        restartTimer   | .        | .        | .        | .        | .        | .          | .        | .          | creating | .
        """

    @Test("every event in every phase does what the table says")
    func product() {
        let rows = Self.table.split(separator: "\n").map { $0.split(separator: "|").map { String($0.filter { $0 != " " }) } }
        #expect(Array(rows[0].dropFirst()) == Self.phases.map(\.0))
        #expect(rows.dropFirst().map { $0[0] } == Self.events.map(\.0))
        for (row, event) in zip(rows.dropFirst(), Self.events) {
            for (cell, phase) in zip(row.dropFirst(), Self.phases) {
                #expect(Self.outcome(phase.1, event.1) == cell, "\(event.0) in \(phase.0)")
            }
        }
    }

    static func outcome(_ supervisor: Supervisor, _ event: Supervisor.Event) -> String {
        var after = supervisor
        do throws(Fault) {
            let actions = try after.handle(event, at: Timestamp(seconds: 60))
            if after.phase.name == supervisor.phase.name { return actions.isEmpty ? "." : "=" }
            return after.phase.name
        } catch {
            #expect(after.phase == supervisor.phase, "a refused event must change nothing")
            return "!"
        }
    }

    @Test("the exit record is on disk before the container is deleted and anybody is told")
    func diskBeforeTell() throws {
        var supervisor = Self.lived(Self.toRunning + [Self.failed])
        let ended = try supervisor.handle(.outputEnded, at: Timestamp(seconds: 9))
        guard case .writeExit(let record) = ended.first else { return #expect(Bool(false), "\(ended)") }
        #expect(record.exitCode == 1 && record.startedAt == Timestamp(seconds: 3) && record.exitedAt == Timestamp(seconds: 4))
        #expect(ended == [.writeExit(record), .writeStatus, .delete(force: false)])
        let told = try supervisor.handle(.deleted, at: Timestamp(seconds: 9))
        #expect(told == [.announce(.exited(.init(exit: record, willRestart: false))), .finish])
    }

    @Test("a container that ends before the runtime says it started is told as started, then as ended")
    func shortRun() throws {
        var supervisor = Self.lived([.begin, .created(pid: 7), .startRequested, .initExited(.exited(code: 0), oomKilled: false)])
        let actions = try supervisor.handle(.started, at: Timestamp(seconds: 9))
        #expect(actions.contains(.announce(.started(.init(pid: 7, startedAt: Timestamp(seconds: 3))))))
        #expect(actions.last == .drainOutput)
    }

    @Test("without --wait-start the container is started at once, and readiness waits for that")
    func startsAtOnce() throws {
        var supervisor = Self.lived([.begin], waits: false)
        #expect(try supervisor.handle(.created(pid: 7), at: Timestamp(seconds: 1)) == [.writeStatus, .start])
        #expect(try supervisor.handle(.started, at: Timestamp(seconds: 2)).contains(.reportReady(pid: 7)))
    }

    @Test("the first failure to make or start it is the end, whatever the policy")
    func firstFailure() throws {
        let missing = Fault(.commandNotFound, "no such command")
        var supervisor = Self.lived([.begin], policy: .always)
        let actions = try supervisor.handle(.createFailed(missing), at: Timestamp(seconds: 1))
        #expect(actions.first == .reportFailed(missing) && actions.last == .delete(force: true))
        #expect(supervisor.lastExit?.exitCode == 127 && supervisor.lastExit?.error?.kind == "commandNotFound")
        #expect(try supervisor.handle(.deleted, at: Timestamp(seconds: 2)).last == .finish)
    }

    @Test("an unhealthy container is asked to end, and started again whatever its policy; a stop meanwhile is final")
    func unhealthy() throws {
        let unhealthy = Supervisor.Event.unhealthy(signal: 15, timeoutMilliseconds: 5_000)
        var supervisor = Self.lived(Self.toRunning)
        #expect(try supervisor.handle(unhealthy, at: Timestamp(seconds: 9)) == [.signal(pid: 7, 15), .disarm(.stop), .arm(.stop, milliseconds: 5_000)])
        #expect(try supervisor.handle(unhealthy, at: Timestamp(seconds: 9)) == [])
        _ = try supervisor.handle(Self.failed, at: Timestamp(seconds: 10))
        var stopped = supervisor
        _ = try supervisor.handle(.outputEnded, at: Timestamp(seconds: 10))
        #expect(supervisor.taskPhase == .restarting && supervisor.restartCount == 1)
        _ = try stopped.handle(.stopRequested(signal: 15, timeoutMilliseconds: 0), at: Timestamp(seconds: 10))
        _ = try stopped.handle(.outputEnded, at: Timestamp(seconds: 10))
        #expect(stopped.taskPhase == .stopped)
        // The run after it is judged by the policy again.
        for event in [Supervisor.Event.deleted, .timer(.restart), .created(pid: 8), .started, Self.failed, .outputEnded] {
            _ = try supervisor.handle(event, at: Timestamp(seconds: 11))
        }
        #expect(supervisor.taskPhase == .stopped)
    }

    @Test("a later failure to make it counts as an exit under its policy")
    func laterFailure() throws {
        let toSecond = Self.toRunning + [Self.failed, .outputEnded, .deleted, .timer(.restart)]
        var supervisor = Self.lived(toSecond, policy: .onFailure(retriesMax: 2))
        let again = try supervisor.handle(.createFailed(Self.failure), at: Timestamp(seconds: 20))
        #expect(supervisor.taskPhase == .restarting && again.last == .delete(force: true))
        _ = try supervisor.handle(.deleted, at: Timestamp(seconds: 20))
        _ = try supervisor.handle(.timer(.restart), at: Timestamp(seconds: 21))
        _ = try supervisor.handle(.createFailed(Self.failure), at: Timestamp(seconds: 21))
        #expect(supervisor.taskPhase == .stopped)
    }

    @Test("a restart waits for what is left of its delay after deleting took its time")
    func delay() throws {
        var supervisor = Self.lived(Self.toRunning + [Self.failed], policy: .always)
        let exited = try supervisor.handle(.outputEnded, at: Timestamp(seconds: 9))
        #expect(
            exited.contains {
                if case .announce(.exited(let told)) = $0 { told.willRestart && told.restartDelayMilliseconds == 100 } else { false }
            })
        #expect(try supervisor.handle(.deleted, at: Timestamp(seconds: 9, nanoseconds: 30_000_000)) == [.arm(.restart, milliseconds: 70)])
    }

    @Test("stop asks, then kills, then has the runtime kill everything")
    func stop() throws {
        var supervisor = Self.lived(Self.toRunning, policy: .always)
        #expect(
            try supervisor.handle(.stopRequested(signal: 2, timeoutMilliseconds: 5_000), at: Timestamp(seconds: 9))
                == [.signal(pid: 7, 2), .disarm(.stop), .arm(.stop, milliseconds: 5_000)])
        let kill = Supervisor.Action.arm(.kill, milliseconds: Supervisor.killMilliseconds)
        #expect(try supervisor.handle(.timer(.stop), at: Timestamp(seconds: 14)) == [.signal(pid: 7, 9), .disarm(.stop), kill])
        #expect(try supervisor.handle(.timer(.kill), at: Timestamp(seconds: 24)) == [.killAll(9), kill])
        _ = try supervisor.handle(.initExited(.signaled(signal: 9), oomKilled: false), at: Timestamp(seconds: 25))
        _ = try supervisor.handle(.outputEnded, at: Timestamp(seconds: 25))
        #expect(supervisor.taskPhase == .stopped && supervisor.lastExit?.exitCode == 137 && supervisor.lastExit?.signal == 9)
    }

    @Test("a timeout of nothing kills at once, a negative one never")
    func stopTimeouts() throws {
        var now = Self.lived(Self.toRunning)
        #expect(try now.handle(.stopRequested(signal: 15, timeoutMilliseconds: 0), at: Timestamp(seconds: 9)).first == .signal(pid: 7, 9))
        var never = Self.lived(Self.toRunning)
        let asked = try never.handle(.stopRequested(signal: 15, timeoutMilliseconds: -1), at: Timestamp(seconds: 9))
        #expect(asked == [.signal(pid: 7, 15), .disarm(.stop)])
    }

    @Test("a process that has been reaped is never signalled: its pid may be another's")
    func reapedPid() throws {
        let events: [Supervisor.Event] = [.begin, .created(pid: 7), .startRequested, .initExited(.exited(code: 0), oomKilled: false)]
        for event in [Supervisor.Event.stopRequested(signal: 15, timeoutMilliseconds: 0), .timer(.stop)] {
            var supervisor = Self.lived(events)
            #expect(try supervisor.handle(event, at: Timestamp(seconds: 9)) == [])
        }
    }

    @Test("a stop while it waits for its restart ends it with the exit it had")
    func stopWaiting() throws {
        var supervisor = Self.lived(Self.toRunning + [Self.failed, .outputEnded, .deleted], policy: .always)
        let actions = try supervisor.handle(.stopRequested(signal: 15, timeoutMilliseconds: 1), at: Timestamp(seconds: 9))
        #expect(actions.first == .disarm(.restart) && actions.last == .finish)
        #expect(actions.contains { if case .writeExit(let record) = $0 { record.exitCode == 1 } else { false } })
    }

    @Test("a stop while it is being made again kills it as soon as it is there")
    func stopCreating() throws {
        var supervisor = Self.lived(Self.toRunning + [Self.failed, .outputEnded, .deleted, .timer(.restart)], policy: .always)
        #expect(try supervisor.handle(.stopRequested(signal: 15, timeoutMilliseconds: 1), at: Timestamp(seconds: 9)) == [])
        #expect(try supervisor.handle(.created(pid: 8), at: Timestamp(seconds: 9)).last == .signal(pid: 8, 9))
    }

    @Test("processes that outlive the first one are killed where the kernel does not do it")
    func sharedProcessTree() throws {
        var supervisor = Self.lived(Self.toRunning, ownTree: false)
        #expect(try supervisor.handle(Self.failed, at: Timestamp(seconds: 9)).contains(.killAll(9)))
    }

    @Test("a kill that cancels the restart is the end of a container that is always restarted")
    func cancellingSignal() throws {
        var supervisor = Self.lived(Self.toRunning, policy: .always)
        #expect(
            try supervisor.handle(.signalRequested(9, all: false, cancelRestart: true), at: Timestamp(seconds: 9)) == [.signal(pid: 7, 9)])
        _ = try supervisor.handle(.initExited(.signaled(signal: 9), oomKilled: false), at: Timestamp(seconds: 9))
        _ = try supervisor.handle(.outputEnded, at: Timestamp(seconds: 9))
        #expect(supervisor.taskPhase == .stopped)
    }

    @Test("want of memory is told before the exit")
    func oom() throws {
        var supervisor = Self.lived(Self.toRunning + [.initExited(.signaled(signal: 9), oomKilled: true)])
        let actions = try supervisor.handle(.outputEnded, at: Timestamp(seconds: 9))
        #expect(actions.first == .announce(.oom) && supervisor.lastExit?.oomKilled == true)
    }

    @Test("a container that cannot be deleted is deleted by force, and then left")
    func deleteFails() throws {
        var supervisor = Self.lived(Self.toRunning + [Self.failed, .outputEnded])
        #expect(try supervisor.handle(.deleteFailed(Self.failure), at: Timestamp(seconds: 9)) == [.delete(force: true)])
        #expect(try supervisor.handle(.deleteFailed(Self.failure), at: Timestamp(seconds: 9)).last == .finish)
    }
}

extension Supervisor.Phase {
    fileprivate var name: String {
        switch self {
        case .idle: "idle"
        case .creating: "creating"
        case .created: "created"
        case .starting: "starting"
        case .running: "running"
        case .draining: "draining"
        case .deleting(.finish, _): "deleting"
        case .deleting(.restart, _): "redeleting"
        case .waiting: "waiting"
        case .finished: "finished"
        }
    }
}
