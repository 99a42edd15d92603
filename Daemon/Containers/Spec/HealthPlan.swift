// HealthPlan owns what a container's health check means: which are accepted, and what its shim is
// told to run.
import EngineAPI
import Faults
import Lifecycle
import OCISpec

/// Judges and translates a health check.
enum HealthPlan {
    /// The shortest time that docker accepts, in nanoseconds.
    static let timeMin: Int64 = 1_000_000

    /// A request on top of an image's presets: what it leaves out is inherited.
    static func merge(_ wanted: HealthConfig?, image: ImageConfig.Healthcheck?) -> HealthConfig? {
        guard let image else { return wanted }
        var result = wanted ?? HealthConfig()
        func isGiven(_ value: Int64?) -> Bool { value ?? 0 != 0 }
        if (result.test ?? []).isEmpty { result.test = image.test }
        if !isGiven(result.interval) { result.interval = image.interval }
        if !isGiven(result.timeout) { result.timeout = image.timeout }
        if !isGiven(result.startPeriod) { result.startPeriod = image.startPeriod }
        if !isGiven(result.startInterval) { result.startInterval = image.startInterval }
        if result.retries ?? 0 == 0 { result.retries = image.retries }
        return result
    }

    /// - Throws: `invalidArgument`, naming the field.
    static func check(_ config: HealthConfig?) throws(Fault) {
        guard let config else { return }
        func check(_ name: String, _ value: Int64?) throws(Fault) {
            guard let value, value != 0, value < timeMin else { return }
            throw Fault(.invalidArgument, "\(name) in Healthcheck cannot be less than 1ms")
        }
        try check("Interval", config.interval)
        try check("Timeout", config.timeout)
        try check("StartPeriod", config.startPeriod)
        try check("StartInterval", config.startInterval)
        if config.retries ?? 0 < 0 { throw Fault(.invalidArgument, "Retries in Healthcheck cannot be negative") }
        let test = config.test ?? []
        switch test.first ?? "" {
        case "", "NONE": return
        case "CMD", "CMD-SHELL":
            if test.count < 2 { throw Fault(.invalidArgument, "Test in Healthcheck has \(test[0]) and no command") }
        case let other: throw Fault(.invalidArgument, "Test in Healthcheck begins with \"\(other)\", and not with NONE, CMD or CMD-SHELL")
        }
    }

    /// What the shim runs; nil where nothing is to be.
    static func make(_ config: ContainerConfig) -> HealthCheck? {
        guard let health = config.healthcheck, let test = health.test, let kind = test.first else { return nil }
        let words: [String]
        switch kind {
        case "CMD": words = Array(test.dropFirst())
        case "CMD-SHELL":
            let shell = config.shell ?? []
            words = (shell.isEmpty ? ["/bin/sh", "-c"] : shell) + test.dropFirst()
        default: return nil
        }
        // A time that is given and shorter than the shim counts is the shortest that it does.
        func milliseconds(_ nanoseconds: Int64?) -> Int64? { nanoseconds.map { $0 == 0 ? 0 : max(1, $0 / 1_000_000) } }
        return HealthCheck(
            command: words, intervalMilliseconds: milliseconds(health.interval), timeoutMilliseconds: milliseconds(health.timeout),
            startPeriodMilliseconds: milliseconds(health.startPeriod), startIntervalMilliseconds: milliseconds(health.startInterval),
            retries: health.retries)
    }
}

extension HealthStatus {
    /// As listings write it behind `Up 3 minutes`.
    var words: String { self == .starting ? "health: starting" : rawValue }
}

extension EngineAPI.Health {
    /// The report in the API's words.
    init(_ report: HealthReport) {
        self.init()
        status = report.status.rawValue
        failingStreak = report.failingStreak
        log = report.log.map { look in
            var result = HealthcheckResult()
            result.start = look.start.description
            result.end = look.end.description
            result.exitCode = Int(look.exitCode)
            result.output = look.output
            return result
        }
    }
}
