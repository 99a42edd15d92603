/// Spans of time as docker says them.
package enum HumanTime {
    /// `Less than a second`, `5 seconds`, `About a minute`, `2 hours`, `3 weeks`.
    package static func describe(seconds: Int64) -> String {
        let minutes = seconds / 60
        let hours = (seconds + 1800) / 3600
        switch seconds {
        case ..<1: return "Less than a second"
        case 1: return "1 second"
        case 2..<60: return "\(seconds) seconds"
        default: break
        }
        if minutes == 1 { return "About a minute" }
        if minutes < 60 { return "\(minutes) minutes" }
        if hours == 1 { return "About an hour" }
        if hours < 48 { return "\(hours) hours" }
        if hours < 24 * 7 * 2 { return "\(hours / 24) days" }
        if hours < 24 * 30 * 2 { return "\(hours / 24 / 7) weeks" }
        if hours < 24 * 365 * 2 { return "\(hours / 24 / 30) months" }
        return "\(hours / 24 / 365) years"
    }
}
