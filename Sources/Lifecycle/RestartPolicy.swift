import Faults

// RestartPolicy and RestartTracker own whether and when a container that ended is started again.
// They know neither processes nor clocks: exits and durations are handed to them.

/// What happens when a container ends by itself.
package enum RestartPolicy: Hashable, Sendable {
    /// It stays ended.
    case no
    /// It is started again, also when the engine starts.
    case always
    /// As always, save that a container somebody stopped stays stopped when the engine starts.
    case unlessStopped
    /// It is started again after a failure, at most `retriesMax` times; 0 is without end.
    case onFailure(retriesMax: Int)

    /// Reads docker's notation: `no`, `always`, `unless-stopped`, `on-failure`, `on-failure:3`.
    /// - Throws: `Fault(.invalidArgument)` with the text.
    package init(parsing text: String) throws(Fault) {
        switch text {
        case "", "no": self = .no
        case "always": self = .always
        case "unless-stopped": self = .unlessStopped
        case "on-failure": self = .onFailure(retriesMax: 0)
        default:
            let prefix = "on-failure:"
            guard text.hasPrefix(prefix) else { throw Fault(.invalidArgument, "invalid restart policy: \(text)") }
            guard let count = Int(text.dropFirst(prefix.count)), (0...Int(Int32.max)).contains(count) else {
                throw Fault(.invalidArgument, "invalid restart policy: maximum retry count must be a number of 0 or more: \(text)")
            }
            self = .onFailure(retriesMax: count)
        }
    }
}

extension RestartPolicy: CustomStringConvertible, Codable {
    /// Docker's notation, readable by ``init(parsing:)``.
    package var description: String {
        switch self {
        case .no: "no"
        case .always: "always"
        case .unlessStopped: "unless-stopped"
        case .onFailure(retriesMax: 0): "on-failure"
        case .onFailure(let count): "on-failure:\(count)"
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do { try self.init(parsing: text) } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.reason)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// Counts restarts and their growing delay: 100 ms, doubled each time to at most a minute, from
/// the beginning again after a run of more than ten seconds, as docker does.
package struct RestartTracker: Hashable, Sendable {
    /// The first delay.
    package static let delayMillisecondsMin: Int64 = 100
    /// The longest delay.
    package static let delayMillisecondsMax: Int64 = 60_000
    /// A run longer than this counts as healthy.
    package static let healthyMilliseconds: Int64 = 10_000

    /// The policy in force.
    package var policy: RestartPolicy
    /// How often the container was started again.
    package private(set) var restartCount: Int
    /// Whether somebody stopped the container, which no policy overrides.
    package private(set) var cancelled = false
    private var delayMilliseconds: Int64 = 0

    /// Starts counting.
    package init(policy: RestartPolicy, restartCount: Int = 0) {
        self.policy = policy
        self.restartCount = restartCount
    }

    /// What follows an exit.
    package enum Decision: Hashable, Sendable {
        /// It stays ended.
        case stay
        /// It is started again after this delay.
        case restart(delayMilliseconds: Int64)
    }

    /// Somebody stopped the container.
    package mutating func cancel() { cancelled = true }

    /// Decides on an exit after a run of `ranMilliseconds`; a restart is counted at once.
    /// - Parameter isUnhealthy: the run was ended in order to start the container again, whatever the policy is.
    package mutating func exited(code: Int32, ranMilliseconds: Int64, isUnhealthy: Bool = false) -> Decision {
        if ranMilliseconds > RestartTracker.healthyMilliseconds { delayMilliseconds = 0 }
        guard !cancelled, isUnhealthy || wantsRestart(after: code) else { return .stay }
        restartCount += 1
        delayMilliseconds =
            delayMilliseconds == 0
            ? RestartTracker.delayMillisecondsMin : min(delayMilliseconds * 2, RestartTracker.delayMillisecondsMax)
        return .restart(delayMilliseconds: delayMilliseconds)
    }

    private func wantsRestart(after code: Int32) -> Bool {
        switch policy {
        case .no: false
        case .always, .unlessStopped: true
        case .onFailure(let retriesMax): code != 0 && (retriesMax == 0 || restartCount < retriesMax)
        }
    }
}
