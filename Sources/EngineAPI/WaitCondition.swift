// WaitCondition owns what a client may wait for.
import Faults

/// What `POST /containers/{id}/wait` waits for.
public enum WaitCondition: String, Sendable, CaseIterable {
    /// At once, when it does not run now.
    case notRunning = "not-running"
    /// The next exit, also of a task that has not started yet.
    case nextExit = "next-exit"
    /// The removal of the container.
    case removed

    /// Reads the query parameter; absent and empty are ``notRunning``.
    /// - Throws: `invalidArgument` on another word.
    public init(parsing text: String?) throws(Fault) {
        guard let text, !text.isEmpty else {
            self = .notRunning
            return
        }
        guard let condition = WaitCondition(rawValue: text) else {
            throw Fault(.invalidArgument, "invalid condition: \"\(text)\"")
        }
        self = condition
    }
}
