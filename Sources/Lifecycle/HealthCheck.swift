// HealthCheck and HealthTracker own what a container's health is: how often it is looked at, and
// what the looks amount to. They know neither processes nor clocks: results and moments are handed
// to them.

/// What is run inside a container to see whether it is well, and how often: docker's HEALTHCHECK.
package struct HealthCheck: Codable, Hashable, Sendable {
    /// The words of the command; the container's own user, environment and working directory are its.
    package var command: [String]
    /// Between the end of a look and the next, in milliseconds.
    package var intervalMilliseconds: Int64
    /// How long a look may take.
    package var timeoutMilliseconds: Int64
    /// After the container's start: failures do not count until a look has succeeded.
    package var startPeriodMilliseconds: Int64
    /// Between looks while the start period lasts and none has succeeded.
    package var startIntervalMilliseconds: Int64
    /// Failures in a row that make the container unhealthy.
    package var retries: Int

    /// The default of ``intervalMilliseconds`` and ``timeoutMilliseconds``.
    package static let intervalMillisecondsDefault: Int64 = 30_000
    /// The default of ``startIntervalMilliseconds``.
    package static let startIntervalMillisecondsDefault: Int64 = 5_000
    /// The default of ``retries``.
    package static let retriesDefault = 3

    /// A check; what is nil or 0 has docker's default.
    package init(
        command: [String], intervalMilliseconds: Int64? = nil, timeoutMilliseconds: Int64? = nil, startPeriodMilliseconds: Int64? = nil,
        startIntervalMilliseconds: Int64? = nil, retries: Int? = nil
    ) {
        func given<Value: BinaryInteger>(_ value: Value?, or standard: Value) -> Value { value.flatMap { $0 == 0 ? nil : $0 } ?? standard }
        self.command = command
        self.intervalMilliseconds = given(intervalMilliseconds, or: HealthCheck.intervalMillisecondsDefault)
        self.timeoutMilliseconds = given(timeoutMilliseconds, or: HealthCheck.intervalMillisecondsDefault)
        self.startPeriodMilliseconds = startPeriodMilliseconds ?? 0
        self.startIntervalMilliseconds = given(startIntervalMilliseconds, or: HealthCheck.startIntervalMillisecondsDefault)
        self.retries = given(retries, or: HealthCheck.retriesDefault)
    }
}

/// How a container is, as far as looks at it have said.
package enum HealthStatus: String, Codable, Hashable, Sendable {
    /// No look has succeeded, and too few have failed.
    case starting
    /// The last look succeeded, or too few have failed since.
    case healthy
    /// As many looks in a row have failed as may not.
    case unhealthy
}

/// One look.
package struct HealthResult: Codable, Hashable, Sendable {
    /// When it began.
    package var start: Timestamp
    /// When it ended.
    package var end: Timestamp
    /// What the command returned: 0 is well; -1 for one that could not be run or took too long.
    package var exitCode: Int32
    /// The beginning of what it wrote.
    package var output: String

    /// The most bytes of output that are kept.
    package static let outputBytesMax = 4_096

    /// Makes a result.
    package init(start: Timestamp, end: Timestamp, exitCode: Int32, output: String) {
        self.start = start
        self.end = end
        self.exitCode = exitCode
        self.output = output
    }
}

/// How a container is, with the looks that say so.
package struct HealthReport: Codable, Hashable, Sendable {
    /// The verdict.
    package var status: HealthStatus
    /// How many looks in a row have failed.
    package var failingStreak: Int
    /// The last looks, the oldest first.
    package var log: [HealthResult]

    /// The most looks that are kept.
    package static let logMax = 5

    /// Makes a report.
    package init(status: HealthStatus = .starting, failingStreak: Int = 0, log: [HealthResult] = []) {
        self.status = status
        self.failingStreak = failingStreak
        self.log = log
    }
}

/// Turns results into a verdict, as docker does.
package struct HealthTracker: Hashable, Sendable {
    /// What is looked for.
    package let check: HealthCheck
    /// The verdict so far.
    package private(set) var report = HealthReport()
    private var startedAt: Timestamp

    /// A run begins at `now`.
    package init(_ check: HealthCheck, startedAt now: Timestamp) {
        self.check = check
        startedAt = now
    }

    /// How long to wait from `now` until the next look.
    package func delayMilliseconds(at now: Timestamp) -> Int64 {
        report.status == .starting && isInStartPeriod(now) ? check.startIntervalMilliseconds : check.intervalMilliseconds
    }

    /// Takes a look's result.
    /// - Returns: whether the verdict is another now.
    @discardableResult
    package mutating func take(_ result: HealthResult) -> Bool {
        let before = report.status
        report.log.append(result)
        if report.log.count > HealthReport.logMax { report.log.removeFirst() }
        if result.exitCode == 0 {
            report.failingStreak = 0
            report.status = .healthy
        } else if report.status != .starting || !isInStartPeriod(result.start) {
            report.failingStreak += 1
            if report.failingStreak >= check.retries { report.status = .unhealthy }
        }
        return report.status != before
    }

    private func isInStartPeriod(_ moment: Timestamp) -> Bool {
        moment.milliseconds(since: startedAt) < check.startPeriodMilliseconds
    }
}
