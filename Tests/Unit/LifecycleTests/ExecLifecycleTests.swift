import Testing

@testable import Lifecycle

@Suite struct ExecLifecycleTests {
    static let phases: [ExecPhase] = [.created, .starting, .running(pid: 5), .ended(pid: 5, code: 3)]
    static let events: [ExecEvent] = [.startRequested, .started(pid: 6), .startFailed(code: 127), .exited(code: 4)]

    /// Rows are events, columns phases; nil is refused.
    static let table: [[ExecPhase?]] = [
        [.starting, nil, nil, nil],
        [.running(pid: 6), .running(pid: 6), .running(pid: 5), .ended(pid: 5, code: 3)],
        [.ended(pid: nil, code: 127), .ended(pid: nil, code: 127), .running(pid: 5), .ended(pid: 5, code: 3)],
        [.ended(pid: nil, code: 4), .ended(pid: nil, code: 4), .ended(pid: 5, code: 4), .ended(pid: 5, code: 3)],
    ]

    @Test("every event in every phase does what the table says")
    func product() {
        for (event, row) in zip(Self.events, Self.table) {
            for (phase, expected) in zip(Self.phases, row) {
                var after = phase
                do throws(ExecRejection) {
                    try after.handle(event)
                    #expect(after == expected, "\(event) in \(phase)")
                } catch {
                    #expect(expected == nil && after == phase, "\(event) in \(phase)")
                }
            }
        }
    }
}
