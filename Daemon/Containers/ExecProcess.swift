// ExecProcess owns what the engine remembers of a process added to a container.
import EngineAPI

/// One exec.
struct ExecProcess: Sendable {
    /// Where it is in its life.
    enum Phase: Sendable, Hashable {
        case created
        case starting
        case running(pid: Int)
        /// It ended, or it could not be started and this is what a shell would say.
        case ended(exitCode: Int)

        /// Whether it may still do something.
        var isOpen: Bool {
            switch self {
            case .created, .starting, .running: true
            case .ended: false
            }
        }
    }

    /// Its ID, 64 digits.
    let id: String
    /// The container.
    let container: ContainerID
    /// What was asked for.
    let request: ExecCreateRequest
    /// Where it is.
    var phase = Phase.created

    /// Its command on one line, as events show it.
    var commandLine: String { (request.cmd ?? []).joined(separator: " ") }
}
