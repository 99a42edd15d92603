import EngineAPI
import Faults
import Glibc
import Lifecycle
import ShimProtocol
import Testing

@testable import Containers

private let then = Lifecycle.Timestamp(seconds: 1_000)
private let exit7 = ExitRecord(exitCode: 7, startedAt: then, exitedAt: then.adding(milliseconds: 500))
private let neverRan = ExitRecord(exitCode: 127, startedAt: nil, exitedAt: then)
private let ended3 = Ended(exitCode: 3, startedAt: then, finishedAt: then)

private func alive(_ phase: TaskPhase, lastExit: ExitRecord? = nil) -> ShimEvidence {
    .alive(TaskStatus(id: "x", phase: phase, pid: 42, shimPid: 1, tty: false, startedAt: then, restartCount: 2, restartPolicy: .no, lastExit: lastExit))
}

@Suite("What recovery decides") struct RecoveryTests {
    @Test("the whole of phases and evidence")
    func table() {
        let adopt = RecoveryPlan.adopt(pid: 42, startedAt: then, restartCount: 2)
        let restarting = RecoveryPlan.adoptRestarting(Ended(exit7), restartCount: 2)
        let before = ContainerPhase.Rest.exited(ended3)
        let cases: [(ContainerPhase, ShimEvidence, RecoveryPlan)] = [
            (.creating, .none, .undoCreate),
            (.removing(before: before), .none, .finishRemoval),
            (.created(nil), .none, .rest),
            (.exited(ended3), .ended(exit7), .rest),
            (.starting(before: before), .none, .undoStart(before)),
            (.starting(before: before), alive(.creating), .undoStart(before)),
            (.starting(before: before), alive(.created), .undoStart(before)),
            (.starting(before: before), alive(.running), adopt),
            (.starting(before: before), alive(.restarting, lastExit: exit7), restarting),
            (.starting(before: before), .ended(exit7), .collect(Ended(exit7))),
            (.starting(before: before), .ended(neverRan), .undoStart(before)),
            (.running(pid: 42, startedAt: then), alive(.running), adopt),
            (.running(pid: 42, startedAt: then), alive(.restarting, lastExit: exit7), restarting),
            (.running(pid: 42, startedAt: then), alive(.stopped, lastExit: exit7), .collect(Ended(exit7))),
            (.running(pid: 42, startedAt: then), .ended(exit7), .collect(Ended(exit7))),
            (.running(pid: 42, startedAt: then), .none, .lost(then)),
            (.running(pid: 42, startedAt: then), .silent, .adoptAsRecorded),
            (.restarting(ended3), .silent, .adoptAsRecorded),
            (.starting(before: before), .silent, .undoStart(before)),
            (.restarting(ended3), alive(.running), adopt),
            (.restarting(ended3), alive(.restarting, lastExit: exit7), restarting),
            (.restarting(ended3), .ended(exit7), .collect(Ended(exit7))),
            (.restarting(ended3), .none, .collect(ended3)),
        ]
        for (phase, evidence, plan) in cases { #expect(RecoveryPlan.make(phase, evidence) == plan, "\(phase) with \(evidence)") }
    }

    @Test("policies start what ended, as they say", arguments: [
        ("no", 1, false, false), ("always", 0, false, true), ("always", 0, true, true), ("unless-stopped", 1, false, true),
        ("unless-stopped", 1, true, false), ("on-failure", 1, false, true), ("on-failure", 0, false, false), ("on-failure", 137, true, false),
    ])
    func policies(_ name: String, _ code: Int, _ stopped: Bool, _ starts: Bool) throws {
        var host = HostConfig()
        host.restartPolicy.name = name
        var record = ContainerRecord(
            id: .random(), name: "x", created: then, imageID: "i", config: ContainerConfig(), hostConfig: host,
            networking: NetworkingConfig(), phase: .exited(Ended(exitCode: code, finishedAt: then)))
        record.stoppedByUser = stopped
        #expect(RecoveryPlan.startsAgain(record) == starts)
        record.phase = .created(nil)
        #expect(!RecoveryPlan.startsAgain(record))
    }
}

@Suite("States in words") struct StatusTextTests {
    @Test("durations are said as docker says them")
    func durations() {
        let said: [(Int64, String)] = [
            (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (180, "3 minutes"),
            (3_600, "About an hour"), (7_200, "2 hours"), (86_400, "24 hours"), (259_200, "3 days"), (1_296_000, "2 weeks"),
            (6_048_000, "2 months"), (69_120_000, "2 years"),
        ]
        for (seconds, text) in said { #expect(StatusText.duration(seconds) == text) }
    }

    @Test("phases are said as docker says them") func phases() {
        let now = then.adding(milliseconds: 5_000)
        #expect(StatusText.make(.running(pid: 1, startedAt: then), now: now) == "Up 5 seconds")
        #expect(StatusText.make(.running(pid: 1, startedAt: then), health: .starting, now: now) == "Up 5 seconds (health: starting)")
        #expect(StatusText.make(.running(pid: 1, startedAt: then), health: .unhealthy, now: now) == "Up 5 seconds (unhealthy)")
        #expect(StatusText.make(.exited(ended3), health: .unhealthy, now: now) == "Exited (3) 5 seconds ago")
        #expect(StatusText.make(.exited(ended3), now: now) == "Exited (3) 5 seconds ago")
        #expect(StatusText.make(.restarting(ended3), now: now) == "Restarting (3) 5 seconds ago")
        #expect(StatusText.make(.starting(before: .exited(ended3)), now: now) == "Exited (3) 5 seconds ago")
        #expect(StatusText.make(.created(nil), now: now) == "Created")
    }
}

@Suite("Records") struct RecordTests {
    @Test("every phase is read as it was written") func roundTrip() throws {
        let phases: [ContainerPhase] = [
            .creating, .created(nil), .created(StartFailure(exitCode: 127, error: "x")), .starting(before: .created(nil)),
            .starting(before: .exited(ended3)), .running(pid: 7, startedAt: then), .restarting(ended3), .exited(ended3), .removing(before: .exited(ended3)),
        ]
        for phase in phases {
            let record = ContainerRecord(
                id: .random(), name: "x", created: then, imageID: "i", config: ContainerConfig(), hostConfig: HostConfig(),
                networking: NetworkingConfig(), phase: phase)
            #expect(try ContainerRecord(document: try record.encoded()).phase == phase)
        }
    }
    @Test("a newer version's record is refused") func newer() throws {
        let record = ContainerRecord(
            id: .random(), name: "x", created: then, imageID: "i", config: ContainerConfig(), hostConfig: HostConfig(),
            networking: NetworkingConfig(), phase: .created(nil))
        let text = String(decoding: try record.encoded(), as: UTF8.self)
        let newer = text.replacing("\"version\":1", with: "\"version\":2")
        #expect { try ContainerRecord(document: Array(newer.utf8)) } throws: { ($0 as? Fault)?.kind == .unsupported }
    }
}

@Suite("The order of a container's commands") struct MailboxTests {
    @Test("one command ends before the next begins, across its awaits") func serial() async throws {
        let mailbox = Mailbox()
        let log = Log()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    try await mailbox.perform { () async throws(Fault) in
                        await log.add("begin \(number)")
                        await Task.yield()
                        await log.add("end \(number)")
                    }
                }
            }
            try await group.waitForAll()
        }
        let lines = await log.lines
        #expect(lines.count == 100)
        for index in stride(from: 0, to: 100, by: 2) { #expect(lines[index].dropFirst(6) == lines[index + 1].dropFirst(4)) }
    }

    @Test("too many waiting commands are refused") func bounded() async {
        let mailbox = Mailbox()
        let gate = Promise<Bool>()
        mailbox.post { _ = await gate.value() }
        let refused = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<(Mailbox.commandsMax + 20) {
                group.addTask {
                    do {
                        try await mailbox.perform { () async throws(Fault) in }
                        return false
                    } catch { return true }
                }
            }
            var refused = 0
            while refused < 19, let one = await group.next() { refused += one ? 1 : 0 }
            gate.fulfil(true)
            return await group.reduce(into: refused) { $0 += $1 ? 1 : 0 }
        }
        #expect(refused >= 19)
    }

    @Test("a promise is kept to those who waited before and after") func promise() async {
        let promise = Promise<Int>()
        async let early = promise.value()
        promise.fulfil(7)
        promise.fulfil(8)
        #expect(await early == 7)
        #expect(await promise.value() == 7)
    }

    @Test("a cancelled waiter goes away empty-handed") func cancelled() async {
        let promise = Promise<Int>()
        let task = Task { await promise.value() }
        task.cancel()
        #expect(await task.value == nil)
    }
}

private actor Log {
    var lines: [String] = []
    func add(_ line: String) { lines.append(line) }
}
