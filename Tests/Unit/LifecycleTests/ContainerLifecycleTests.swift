import Testing

@testable import Lifecycle

/// The whole product of status and event. A cell is the status after it and the action
/// (`starting launch`), or why it is refused (`!isPaused`); `.` is nothing changed, nothing to do.
@Suite struct ContainerLifecycleTests {
    static let run = Run(pid: 7, startedAt: Timestamp(seconds: 100))
    static let again = Run(pid: 8, startedAt: Timestamp(seconds: 200))
    static let before = Exit(code: 1, at: Timestamp(seconds: 50))
    static let end = Exit(code: 2, at: Timestamp(seconds: 150))

    static let statuses: [(String, ContainerStatus)] = [
        ("created", .created), ("starting", .starting(after: before)), ("running", .running(run)), ("paused", .paused(run)),
        ("restarting", .restarting(after: before)), ("exited", .exited(before)), ("removing", .removing(after: before)),
        ("dead", .dead(after: before, reason: "busy")),
    ]
    static let events: [(String, ContainerEvent)] = [
        ("startRequested", .startRequested), ("started", .started(again)), ("startFailed", .startFailed(end)),
        ("signalRequested", .signalRequested), ("stopRequested", .stopRequested), ("exited", .exited(end, willRestart: false)),
        ("exitedRestarts", .exited(end, willRestart: true)), ("pauseRequested", .pauseRequested), ("resumeRequested", .resumeRequested),
        ("paused", .paused), ("resumed", .resumed), ("removeRequested", .removeRequested(force: false)),
        ("removeForced", .removeRequested(force: true)), ("removeFailed", .removeFailed(reason: "full")),
    ]

    static let table = """
        event           | created         | starting    | running                | paused                 | restarting             | exited          | removing           | dead
        startRequested  | starting launch | !isStarting | !alreadyRunning        | !isPaused              | !alreadyRunning        | starting launch | !removalInProgress | !isDead
        started         | running         | running     | running                | running                | running                | running         | .                  | .
        startFailed     | exited          | exited      | .                      | .                      | exited                 | .               | .                  | .
        signalRequested | !notRunning     | !notRunning | running signal         | paused signal          | !isRestarting          | !notRunning     | !notRunning        | !notRunning
        stopRequested   | !notRunning     | !isStarting | running stop           | paused stop            | restarting stop        | !notRunning     | !notRunning        | !notRunning
        exited          | .               | exited      | exited                 | exited                 | exited                 | .               | removing           | .
        exitedRestarts  | .               | restarting  | restarting             | restarting             | restarting             | .               | removing           | .
        pauseRequested  | !notRunning     | !notRunning | running freeze         | !alreadyPaused         | !isRestarting          | !notRunning     | !notRunning        | !notRunning
        resumeRequested | !notPaused      | !notPaused  | !notPaused             | paused thaw            | !notPaused             | !notPaused      | !notPaused         | !notPaused
        paused          | .               | .           | paused                 | .                      | .                      | .               | .                  | .
        resumed         | .               | .           | .                      | running                | .                      | .               | .                  | .
        removeRequested | removing remove | !isStarting | !mustStopFirst         | !mustStopFirst         | !mustStopFirst         | removing remove | !removalInProgress | removing remove
        removeForced    | removing remove | !isStarting | removing killAndRemove | removing killAndRemove | removing killAndRemove | removing remove | !removalInProgress | removing remove
        removeFailed    | .               | .           | .                      | .                      | .                      | .               | dead               | .
        """

    @Test("every event in every status does what the table says")
    func product() throws {
        let rows = Self.table.split(separator: "\n").map { $0.split(separator: "|").map { $0.trimmed } }
        #expect(Array(rows[0].dropFirst()) == Self.statuses.map(\.0))
        #expect(rows.dropFirst().map { $0[0] } == Self.events.map(\.0))
        for (row, event) in zip(rows.dropFirst(), Self.events) {
            for (cell, status) in zip(row.dropFirst(), Self.statuses) {
                #expect(Self.outcome(status.1, event.1) == cell, "\(event.0) in \(status.0)")
            }
        }
    }

    static func outcome(_ status: ContainerStatus, _ event: ContainerEvent) -> String {
        var after = status
        do throws(ContainerRejection) {
            let action = try after.handle(event)
            if after == status && action == .none { return "." }
            return action == .none ? after.name : "\(after.name) \(action)"
        } catch {
            #expect(after == status, "a refused event must change nothing")
            return "!\(error)"
        }
    }

    @Test("a removal keeps how the container ended, also when it fails")
    func removal() throws {
        var status = ContainerStatus.running(Self.run)
        _ = try status.handle(.removeRequested(force: true))
        _ = try status.handle(.exited(Self.end, willRestart: false))
        _ = try status.handle(.removeFailed(reason: "busy"))
        #expect(status == .dead(after: Self.end, reason: "busy"))
    }

    @Test("every refusal has a sentence with the container's name")
    func sentences() {
        for rejection in ContainerRejection.allCases { #expect(rejection.fault("web").reason.contains("container web")) }
        #expect(ContainerRejection.alreadyRunning.fault("web").kind == .notModified)
    }
}

extension ContainerStatus {
    fileprivate var name: String {
        switch self {
        case .created: "created"
        case .starting: "starting"
        case .running: "running"
        case .paused: "paused"
        case .restarting: "restarting"
        case .exited: "exited"
        case .removing: "removing"
        case .dead: "dead"
        }
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
