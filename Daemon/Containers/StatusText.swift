// StatusText owns docker's sentences about a container's state: `Up 3 minutes`, `Exited (0) 2 seconds ago`.
import Lifecycle

/// States in words.
enum StatusText {
    /// The words for a phase at a moment.
    static func make(_ phase: ContainerPhase, health: HealthStatus? = nil, now: Lifecycle.Timestamp) -> String {
        switch phase {
        case .creating, .created: "Created"
        case .running(_, let startedAt):
            "Up \(duration(now.milliseconds(since: startedAt) / 1_000))" + (health.map { " (\($0.words))" } ?? "")
        case .restarting(let ended): "Restarting (\(ended.exitCode)) \(ago(ended, now))"
        case .exited(let ended): "Exited (\(ended.exitCode)) \(ago(ended, now))"
        case .removing: "Removal In Progress"
        case .starting(let before): make(before.phase, now: now)
        }
    }

    private static func ago(_ ended: Ended, _ now: Lifecycle.Timestamp) -> String {
        duration(now.milliseconds(since: ended.finishedAt) / 1_000) + " ago"
    }

    /// A duration as a person would say it.
    static func duration(_ seconds: Int64) -> String {
        let (minutes, hours) = (seconds / 60, (seconds + 1_800) / 3_600)
        switch true {
        case seconds < 1: return "Less than a second"
        case seconds == 1: return "1 second"
        case seconds < 60: return "\(seconds) seconds"
        case minutes == 1: return "About a minute"
        case minutes < 60: return "\(minutes) minutes"
        case hours == 1: return "About an hour"
        case hours < 48: return "\(hours) hours"
        case hours < 24 * 7 * 2: return "\(hours / 24) days"
        case hours < 24 * 30 * 2: return "\(hours / 24 / 7) weeks"
        case hours < 24 * 365 * 2: return "\(hours / 24 / 30) months"
        default: return "\(hours / 24 / 365) years"
        }
    }
}
