import Faults
import Testing

@testable import Lifecycle

@Suite struct RestartPolicyTests {
    @Test("docker's notation is read and written back", arguments: ["no", "always", "unless-stopped", "on-failure", "on-failure:3"])
    func notation(text: String) throws { #expect(try RestartPolicy(parsing: text).description == text) }

    @Test(
        "nothing else is a policy",
        arguments: ["sometimes", "on-failure:", "on-failure:-1", "on-failure:x", "always:3", "on-failure:99999999999"])
    func refused(text: String) { #expect(throws: Fault.self) { try RestartPolicy(parsing: text) } }

    @Test("the delay doubles from a tenth of a second to a minute")
    func backOff() {
        var tracker = RestartTracker(policy: .always)
        let delays = (0..<12).map { _ in tracker.exited(code: 1, ranMilliseconds: 50) }
        let expected: [Int64] = [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000]
        #expect(delays == expected.map { .restart(delayMilliseconds: $0) })
        #expect(tracker.restartCount == 12)
    }

    @Test("a run of more than ten seconds starts the delay from the beginning")
    func healthyRun() {
        var tracker = RestartTracker(policy: .always)
        _ = tracker.exited(code: 0, ranMilliseconds: 1)
        _ = tracker.exited(code: 0, ranMilliseconds: 1)
        #expect(tracker.exited(code: 0, ranMilliseconds: 10_000) == .restart(delayMilliseconds: 400))
        #expect(tracker.exited(code: 0, ranMilliseconds: 10_001) == .restart(delayMilliseconds: 100))
    }

    @Test("on-failure gives up after its retries, and never retries a success")
    func onFailure() {
        var tracker = RestartTracker(policy: .onFailure(retriesMax: 2))
        #expect(tracker.exited(code: 1, ranMilliseconds: 0) == .restart(delayMilliseconds: 100))
        #expect(tracker.exited(code: 1, ranMilliseconds: 0) == .restart(delayMilliseconds: 200))
        #expect(tracker.exited(code: 1, ranMilliseconds: 0) == .stay)
        var other = RestartTracker(policy: .onFailure(retriesMax: 0))
        #expect(other.exited(code: 0, ranMilliseconds: 0) == .stay)
        #expect(other.exited(code: 9, ranMilliseconds: 0) == .restart(delayMilliseconds: 100))
    }

    @Test("no policy overrides a stop", arguments: [RestartPolicy.always, .unlessStopped, .onFailure(retriesMax: 0)])
    func cancelled(policy: RestartPolicy) {
        var tracker = RestartTracker(policy: policy)
        tracker.cancel()
        #expect(tracker.exited(code: 1, ranMilliseconds: 0) == .stay)
    }
}

@Suite struct TimestampTests {
    @Test("a moment is written as RFC 3339 without trailing zeros")
    func written() {
        #expect(Timestamp(seconds: 0).description == "1970-01-01T00:00:00Z")
        #expect(Timestamp(seconds: 951_782_400, nanoseconds: 250_000_000).description == "2000-02-29T00:00:00.25Z")
        #expect(Timestamp(seconds: 4_102_444_799, nanoseconds: 1).description == "2099-12-31T23:59:59.000000001Z")
        #expect(Timestamp(seconds: -1, nanoseconds: 0).description == "1969-12-31T23:59:59Z")
        #expect(Timestamp(seconds: 0, nanoseconds: -1).description == "1969-12-31T23:59:59.999999999Z")
    }

    @Test("what is written is read back, over leap years and centuries")
    func roundTrip() {
        for seconds in stride(from: Int64(-5_000_000_000), to: 9_000_000_000, by: 86_399_773) {
            let moment = Timestamp(seconds: seconds, nanoseconds: 120_000_340)
            #expect(Timestamp(parsing: moment.description) == moment)
        }
    }

    @Test("offsets are understood")
    func offsets() {
        #expect(Timestamp(parsing: "2026-03-01T01:30:00+01:30") == Timestamp(parsing: "2026-03-01T00:00:00Z"))
        #expect(Timestamp(parsing: "2026-02-28T23:00:00.5-01:00") == Timestamp(parsing: "2026-03-01T00:00:00.5Z"))
    }

    @Test(
        "no such day, no such time",
        arguments: [
            "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "x",
            "2026-01-01T00:00:00.Z",
        ])
    func refused(text: String) { #expect(Timestamp(parsing: text) == nil) }
}
