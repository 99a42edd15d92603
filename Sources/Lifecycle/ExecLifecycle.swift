import Faults

// ExecLifecycle owns the life of a process added to a container: made once, started once, ended.

/// Where an exec stands.
package enum ExecPhase: Hashable, Sendable {
    /// Known, not started.
    case created
    /// Being started.
    case starting
    /// It runs.
    case running(pid: Int32)
    /// It ended, or could not be started; without a pid it never ran.
    case ended(pid: Int32?, code: Int32)
}

/// A request or a fact that an exec meets.
package enum ExecEvent: Hashable, Sendable {
    /// Somebody wants it started.
    case startRequested
    /// It runs.
    case started(pid: Int32)
    /// It could not be started.
    case startFailed(code: Int32)
    /// It ended, or its container did.
    case exited(code: Int32)
}

/// Why an exec's phase does not allow a request.
package enum ExecRejection: Error, Hashable, Sendable {
    case alreadyStarted

    /// The same in words for the exec `name`.
    package func fault(_ name: String) -> Fault {
        switch self {
        case .alreadyStarted: Fault(.conflict, "exec \(name) has already run")
        }
    }
}

extension ExecPhase {
    /// Takes the event. Facts are never refused; one that does not fit changes nothing.
    package mutating func handle(_ event: ExecEvent) throws(ExecRejection) {
        switch (self, event) {
        case (.created, .startRequested): self = .starting
        case (.starting, .startRequested), (.running, .startRequested), (.ended, .startRequested): throw .alreadyStarted
        case (.created, .started(let pid)), (.starting, .started(let pid)): self = .running(pid: pid)
        case (.created, .startFailed(let code)), (.starting, .startFailed(let code)): self = .ended(pid: nil, code: code)
        case (.created, .exited(let code)), (.starting, .exited(let code)): self = .ended(pid: nil, code: code)
        case (.running(let pid), .exited(let code)): self = .ended(pid: pid, code: code)
        case (.running, .started), (.running, .startFailed), (.ended, .started), (.ended, .startFailed), (.ended, .exited): break
        }
    }
}
