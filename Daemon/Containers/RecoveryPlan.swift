// RecoveryPlan owns what is to be done with a container that a killed engine has left: a pure
// function of its record and of what its shim says.
import Lifecycle
import ShimProtocol

/// What there is of a container's shim.
enum ShimEvidence: Hashable, Sendable {
    /// It answers, and this is how its container is.
    case alive(TaskStatus)
    /// It is there and does not answer.
    case silent
    /// It has ended and left this.
    case ended(ExitRecord)
    /// There is none, and no exit record.
    case none
}

/// What recovery does with one container.
enum RecoveryPlan: Hashable, Sendable {
    /// Its create was cut off: undo it.
    case undoCreate
    /// Its removal was cut off: finish it.
    case finishRemoval
    /// It is at rest: put away leftovers of the last run, if there are any.
    case rest
    /// Its shim serves it: connect and go on.
    case adopt(pid: Int32, startedAt: Timestamp?, restartCount: Int)
    /// Its shim waits to start it again: connect and go on.
    case adoptRestarting(Ended, restartCount: Int)
    /// Its shim serves it but does not say how: connect, and go on as the record says.
    case adoptAsRecorded
    /// Its start was cut off before its command ran: undo it.
    case undoStart(ContainerPhase.Rest)
    /// It ended while nobody was looking.
    case collect(Ended)
    /// It ran, and nobody knows how it ended: the machine went down, or its shim was killed.
    case lost(Lifecycle.Timestamp?)

    /// Decides.
    static func make(_ phase: ContainerPhase, _ evidence: ShimEvidence) -> RecoveryPlan {
        switch phase {
        case .creating: .undoCreate
        case .removing: .finishRemoval
        case .created, .exited: .rest
        case .starting(let before): start(before, evidence)
        case .running(_, let startedAt): run(startedAt, evidence)
        case .restarting(let ended): restart(ended, evidence)
        }
    }

    private static func start(_ before: ContainerPhase.Rest, _ evidence: ShimEvidence) -> RecoveryPlan {
        switch evidence {
        case .alive(let status):
            switch status.phase {
            case .running: .adopt(pid: status.pid ?? 0, startedAt: status.startedAt, restartCount: status.restartCount)
            case .restarting: status.lastExit.map { .adoptRestarting(Ended($0), restartCount: status.restartCount) } ?? .undoStart(before)
            case .creating, .created, .stopped: .undoStart(before)
            }
        // It ran, and has ended since; without a beginning it never ran.
        case .ended(let exit): exit.startedAt == nil ? .undoStart(before) : .collect(Ended(exit))
        case .silent, .none: .undoStart(before)
        }
    }

    private static func run(_ startedAt: Timestamp, _ evidence: ShimEvidence) -> RecoveryPlan {
        switch evidence {
        case .alive(let status):
            switch status.phase {
            case .creating, .created, .running:
                .adopt(pid: status.pid ?? 0, startedAt: status.startedAt ?? startedAt, restartCount: status.restartCount)
            case .restarting:
                status.lastExit.map { .adoptRestarting(Ended($0), restartCount: status.restartCount) }
                    ?? .adopt(pid: 0, startedAt: startedAt, restartCount: status.restartCount)
            case .stopped: status.lastExit.map { .collect(Ended($0)) } ?? .lost(startedAt)
            }
        case .silent: .adoptAsRecorded
        case .ended(let exit): .collect(Ended(exit))
        case .none: .lost(startedAt)
        }
    }

    private static func restart(_ ended: Ended, _ evidence: ShimEvidence) -> RecoveryPlan {
        switch evidence {
        case .alive(let status):
            switch status.phase {
            case .creating, .created, .running: .adopt(pid: status.pid ?? 0, startedAt: status.startedAt, restartCount: status.restartCount)
            case .restarting: .adoptRestarting(status.lastExit.map { Ended($0) } ?? ended, restartCount: status.restartCount)
            case .stopped: .collect(status.lastExit.map { Ended($0) } ?? ended)
            }
        case .silent: .adoptAsRecorded
        case .ended(let exit): .collect(Ended(exit))
        case .none: .collect(ended)
        }
    }

    /// Whether a container at rest is to be started when the engine starts.
    static func startsAgain(_ record: ContainerRecord) -> Bool {
        guard case .exited(let ended) = record.phase, !record.hostConfig.autoRemove else { return false }
        switch HostRules.restartPolicy(record.hostConfig.restartPolicy) {
        case .no: return false
        case .always: return true
        case .unlessStopped: return !record.stoppedByUser
        case .onFailure(let retriesMax):
            return ended.exitCode != 0 && !record.stoppedByUser && (retriesMax == 0 || record.restartCount < retriesMax)
        }
    }
}
