import Faults

// ContainerLifecycle owns which status a container has and what each request or fact does to it,
// as the engine and its API see it. It touches no process and no disk: every transition returns
// what is to be done. The supervisor's own phases are finer and live with the supervisor.

/// A running incarnation of a container.
package struct Run: Hashable, Sendable {
    /// Its first process.
    package var pid: Int32
    /// When it began.
    package var startedAt: Timestamp

    /// Makes a run.
    package init(pid: Int32, startedAt: Timestamp) {
        self.pid = pid
        self.startedAt = startedAt
    }
}

/// How a run ended.
package struct Exit: Hashable, Sendable {
    /// What it returned, or 128 plus the signal.
    package var code: Int32
    /// Whether the kernel killed a process of it for want of memory.
    package var oomKilled: Bool
    /// When.
    package var at: Timestamp
    /// Why it could not be started, where it never ran.
    package var error: String?

    /// Makes an exit.
    package init(code: Int32, oomKilled: Bool = false, at: Timestamp, error: String? = nil) {
        self.code = code
        self.oomKilled = oomKilled
        self.at = at
        self.error = error
    }
}

/// Where a container stands, with what exists there.
package enum ContainerStatus: Hashable, Sendable {
    /// Never started.
    case created
    /// Being started; the exit of the run before, if there was one.
    case starting(after: Exit?)
    /// Its command runs.
    case running(Run)
    /// Its processes are frozen.
    case paused(Run)
    /// It ended and its shim will start it again.
    case restarting(after: Exit)
    /// It ended.
    case exited(Exit)
    /// Being removed.
    case removing(after: Exit?)
    /// Its removal failed half-way; only removing it again is possible.
    case dead(after: Exit?, reason: String)
}

/// A request or a fact that a container's status meets.
package enum ContainerEvent: Hashable, Sendable {
    /// Somebody wants it started.
    case startRequested
    /// It runs: after a request, by its policy, or found so.
    case started(Run)
    /// It could not be started.
    case startFailed(Exit)
    /// Somebody wants to send it a signal.
    case signalRequested
    /// Somebody wants it ended.
    case stopRequested
    /// Its run ended.
    case exited(Exit, willRestart: Bool)
    /// Somebody wants it frozen.
    case pauseRequested
    /// Somebody wants it thawed.
    case resumeRequested
    /// It is frozen.
    case paused
    /// It is thawed.
    case resumed
    /// Somebody wants it removed, running or not when forced.
    case removeRequested(force: Bool)
    /// Its removal failed.
    case removeFailed(reason: String)
}

/// What a transition asks for.
package enum ContainerAction: Hashable, Sendable {
    /// Nothing: the status is what mattered.
    case none
    /// Start it.
    case launch
    /// Send the signal.
    case signal
    /// End it, cancelling its restart policy.
    case stop
    /// Freeze it.
    case freeze
    /// Thaw it.
    case thaw
    /// Remove what it left.
    case remove
    /// Kill it, then remove what it left.
    case killAndRemove
}

/// Why a container's status does not allow a request.
package enum ContainerRejection: Error, Hashable, Sendable, CaseIterable {
    case alreadyRunning, notRunning, isPaused, isStarting, alreadyPaused, notPaused, isRestarting, mustStopFirst, removalInProgress, isDead

    /// The same in words for the container `name`; the kinds map to docker's HTTP status codes.
    package func fault(_ name: String) -> Fault {
        switch self {
        case .alreadyRunning: Fault(.notModified, "container \(name) is already running")
        case .notRunning: Fault(.conflict, "container \(name) is not running")
        case .isPaused: Fault(.conflict, "container \(name) is paused; unpause it first")
        case .isStarting: Fault(.conflict, "container \(name) is being started")
        case .alreadyPaused: Fault(.conflict, "container \(name) is already paused")
        case .notPaused: Fault(.conflict, "container \(name) is not paused")
        case .isRestarting: Fault(.conflict, "container \(name) is restarting, wait until the container is running")
        case .mustStopFirst: Fault(.conflict, "container \(name) is running: stop the container before removing or force remove")
        case .removalInProgress: Fault(.conflict, "removal of container \(name) is already in progress")
        case .isDead: Fault(.conflict, "container \(name) is marked for removal and cannot be used")
        }
    }
}

extension ContainerStatus {
    /// Docker's word for it. A container that is being started still shows the status it had.
    package var word: String {
        switch self {
        case .created: "created"
        case .starting(let exit): exit == nil ? "created" : "exited"
        case .running: "running"
        case .paused: "paused"
        case .restarting: "restarting"
        case .exited: "exited"
        case .removing: "removing"
        case .dead: "dead"
        }
    }

    /// How its last run ended, where one has.
    package var lastExit: Exit? {
        switch self {
        case .created, .running, .paused: nil
        case .starting(let exit), .removing(let exit), .dead(let exit, _): exit
        case .restarting(let exit), .exited(let exit): exit
        }
    }

    /// Takes the event, or refuses it and stays as it is. Facts are never refused: what a shim
    /// reports has happened; one that does not fit the status (a late duplicate) changes nothing.
    package mutating func handle(_ event: ContainerEvent) throws(ContainerRejection) -> ContainerAction {
        switch event {
        case .startRequested: try requestStart()
        case .signalRequested: try requireRun(.signal)
        case .stopRequested: try requestStop()
        case .pauseRequested: try requestPause()
        case .resumeRequested: try requestResume()
        case .removeRequested(let force): try requestRemoval(force: force)
        case .started, .startFailed, .exited, .paused, .resumed, .removeFailed: record(event)
        }
    }

    private mutating func requestStart() throws(ContainerRejection) -> ContainerAction {
        switch self {
        case .created:
            self = .starting(after: nil)
            return .launch
        case .exited(let exit):
            self = .starting(after: exit)
            return .launch
        case .starting: throw .isStarting
        case .running, .restarting: throw .alreadyRunning
        case .paused: throw .isPaused
        case .removing: throw .removalInProgress
        case .dead: throw .isDead
        }
    }

    private func requireRun(_ action: ContainerAction) throws(ContainerRejection) -> ContainerAction {
        switch self {
        case .running, .paused: return action
        case .restarting: throw .isRestarting
        case .created, .starting, .exited, .removing, .dead: throw .notRunning
        }
    }

    private func requestStop() throws(ContainerRejection) -> ContainerAction {
        switch self {
        case .running, .paused, .restarting: return .stop
        case .starting: throw .isStarting
        case .created, .exited, .removing, .dead: throw .notRunning
        }
    }

    private func requestPause() throws(ContainerRejection) -> ContainerAction {
        switch self {
        case .running: return .freeze
        case .paused: throw .alreadyPaused
        case .restarting: throw .isRestarting
        case .created, .starting, .exited, .removing, .dead: throw .notRunning
        }
    }

    private func requestResume() throws(ContainerRejection) -> ContainerAction {
        switch self {
        case .paused: return .thaw
        case .created, .starting, .running, .restarting, .exited, .removing, .dead: throw .notPaused
        }
    }

    private mutating func requestRemoval(force: Bool) throws(ContainerRejection) -> ContainerAction {
        switch self {
        case .created, .exited, .dead:
            self = .removing(after: lastExit)
            return .remove
        case .starting: throw .isStarting
        case .running, .paused, .restarting:
            guard force else { throw .mustStopFirst }
            self = .removing(after: lastExit)
            return .killAndRemove
        case .removing: throw .removalInProgress
        }
    }

    private mutating func record(_ fact: ContainerEvent) -> ContainerAction {
        switch (self, fact) {
        case (.created, .started(let run)), (.starting, .started(let run)), (.running, .started(let run)),
            (.paused, .started(let run)), (.restarting, .started(let run)), (.exited, .started(let run)):
            self = .running(run)
        case (.starting, .startFailed(let exit)), (.restarting, .startFailed(let exit)), (.created, .startFailed(let exit)):
            self = .exited(exit)
        case (.running, .exited(let exit, let willRestart)), (.paused, .exited(let exit, let willRestart)),
            (.starting, .exited(let exit, let willRestart)), (.restarting, .exited(let exit, let willRestart)):
            self = willRestart ? .restarting(after: exit) : .exited(exit)
        case (.removing, .exited(let exit, _)):
            self = .removing(after: exit)
        case (.running(let run), .paused): self = .paused(run)
        case (.paused(let run), .resumed): self = .running(run)
        case (.removing(let exit), .removeFailed(let reason)): self = .dead(after: exit, reason: reason)
        case (_, _): break
        }
        return .none
    }
}
