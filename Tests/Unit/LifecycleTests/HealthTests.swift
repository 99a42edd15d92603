import Testing

@testable import Lifecycle

@Suite struct HealthTests {
    private func moment(_ seconds: Int64) -> Timestamp { Timestamp(seconds: 1_000 + seconds) }

    private func result(_ code: Int32, at seconds: Int64) -> HealthResult {
        HealthResult(start: moment(seconds), end: moment(seconds), exitCode: code, output: "")
    }

    @Test("what is not given is docker's default, and so is 0")
    func defaults() {
        let check = HealthCheck(command: ["true"], intervalMilliseconds: 0, retries: 0)
        #expect(check == HealthCheck(command: ["true"]))
        #expect((check.intervalMilliseconds, check.timeoutMilliseconds) == (30_000, 30_000))
        #expect((check.startPeriodMilliseconds, check.startIntervalMilliseconds, check.retries) == (0, 5_000, 3))
    }

    @Test("failures in a row make it unhealthy, one success healthy again")
    func streak() {
        var tracker = HealthTracker(HealthCheck(command: ["x"], retries: 2), startedAt: moment(0))
        #expect(tracker.report.status == .starting)
        #expect(!tracker.take(result(1, at: 1)) && tracker.report.failingStreak == 1 && tracker.report.status == .starting)
        #expect(tracker.take(result(0, at: 2)) && tracker.report.failingStreak == 0 && tracker.report.status == .healthy)
        #expect(!tracker.take(result(-1, at: 3)) && tracker.report.status == .healthy)
        #expect(tracker.take(result(7, at: 4)) && tracker.report.status == .unhealthy && tracker.report.failingStreak == 2)
        #expect(!tracker.take(result(1, at: 5)) && tracker.report.failingStreak == 3)
        #expect(tracker.take(result(0, at: 6)) && tracker.report.status == .healthy)
    }

    @Test("in the start period failures do not count until a success, and looks are closer")
    func startPeriod() {
        let check = HealthCheck(
            command: ["x"], intervalMilliseconds: 60_000, startPeriodMilliseconds: 10_000, startIntervalMilliseconds: 2_000, retries: 1)
        var tracker = HealthTracker(check, startedAt: moment(0))
        #expect(tracker.delayMilliseconds(at: moment(0)) == 2_000)
        tracker.take(result(1, at: 2))
        #expect(tracker.report.status == .starting && tracker.report.failingStreak == 0 && tracker.report.log.count == 1)
        #expect(tracker.delayMilliseconds(at: moment(9)) == 2_000)
        #expect(tracker.delayMilliseconds(at: moment(10)) == 60_000)
        var late = tracker
        late.take(result(1, at: 10))
        #expect(late.report.status == .unhealthy)
        tracker.take(result(0, at: 4))
        #expect(tracker.delayMilliseconds(at: moment(5)) == 60_000)
        tracker.take(result(1, at: 6))
        #expect(tracker.report.status == .unhealthy)
    }

    @Test("the last five looks are kept")
    func log() {
        var tracker = HealthTracker(HealthCheck(command: ["x"]), startedAt: moment(0))
        for second in 1...7 { tracker.take(result(0, at: Int64(second))) }
        #expect(tracker.report.log.map(\.start) == (3...7).map { moment($0) })
    }
}
