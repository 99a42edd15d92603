import Faults
import Lifecycle
import OCISpec

// What a shim leaves on disk for whoever comes later; docs/protocols/shim.md says which file
// tells what after which crash.

/// The names in a shim's state directory.
package enum ShimFile {
    /// The control socket.
    package static let socket = "shim.sock"
    /// ``TaskStatus``, replaced on each change.
    package static let status = "status.json"
    /// ``ExitRecord``, written once, before anybody is told of the final exit.
    package static let exit = "exit.json"
    /// Held locked (flock) by the shim for as long as it lives.
    package static let lock = "shim.lock"
}

/// An error as it travels: ``FaultKind``'s name and a sentence.
package struct WireFault: Codable, Hashable, Sendable {
    /// The kind's name; one that this build does not know is read as `failed`.
    package var kind: String
    /// Steps and reason on one line.
    package var message: String

    /// Takes an error to the wire.
    package init(_ fault: Fault) {
        kind = fault.kind.rawValue
        message = fault.description
    }

    /// Takes an error from the wire.
    package var fault: Fault { Fault(FaultKind(rawValue: kind) ?? .failed, message) }
}

/// How one run of the container ended.
package struct ExitRecord: Codable, Hashable, Sendable {
    /// The format.
    package var version = 1
    /// What the process returned, or 128 plus the signal that ended it; 127 and 126 for a command
    /// that is missing or cannot be executed, 125 for any other failure to start.
    package var exitCode: Int32
    /// The signal that ended it.
    package var signal: Int32?
    /// Whether the kernel killed a process of it for want of memory.
    package var oomKilled: Bool
    /// When it had been started; absent when it never was.
    package var startedAt: Timestamp?
    /// When it ended.
    package var exitedAt: Timestamp
    /// How often it had been started again before.
    package var restartCount: Int
    /// Why it could not be started.
    package var error: WireFault?

    /// Makes a record.
    package init(
        exitCode: Int32, signal: Int32? = nil, oomKilled: Bool = false, startedAt: Timestamp?, exitedAt: Timestamp,
        restartCount: Int = 0, error: WireFault? = nil
    ) {
        self.exitCode = exitCode
        self.signal = signal
        self.oomKilled = oomKilled
        self.startedAt = startedAt
        self.exitedAt = exitedAt
        self.restartCount = restartCount
        self.error = error
    }
}

/// What the task of a shim is doing.
package enum TaskPhase: String, Codable, Hashable, Sendable, CaseIterable {
    /// The runtime is making it.
    case creating
    /// Made, its command not started yet.
    case created
    /// Its command runs.
    case running
    /// It ended and will be started again.
    case restarting
    /// It ended for good; the shim is putting things away.
    case stopped
}

/// The state of a shim and its container, in status.json and as answer to `status`.
package struct TaskStatus: Codable, Hashable, Sendable {
    /// The format.
    package var version = 1
    /// The container's ID.
    package var id: String
    /// What it is doing.
    package var phase: TaskPhase
    /// Its first process in the shim's PID namespace, while there is one.
    package var pid: Int32?
    /// The shim's own process.
    package var shimPid: Int32
    /// Whether the container has a terminal.
    package var tty: Bool
    /// When the present or last run began.
    package var startedAt: Timestamp?
    /// How often the policy has started it again.
    package var restartCount: Int
    /// The policy in force.
    package var restartPolicy: RestartPolicy
    /// When the next run begins, while it waits for that.
    package var restartsAt: Timestamp?
    /// How the last run ended.
    package var lastExit: ExitRecord?
    /// How it is, where it has a health check and has been started.
    package var health: HealthReport?
    /// Log bytes that could not be written (a full disk), 0 when all were.
    package var logBytesLost: Int64
    /// The bundle's directory.
    package var bundle: String?
    /// The log file.
    package var log: String?

    /// Makes a status.
    package init(
        id: String, phase: TaskPhase, pid: Int32? = nil, shimPid: Int32, tty: Bool, startedAt: Timestamp? = nil,
        restartCount: Int = 0, restartPolicy: RestartPolicy, restartsAt: Timestamp? = nil, lastExit: ExitRecord? = nil,
        health: HealthReport? = nil, logBytesLost: Int64 = 0, bundle: String? = nil, log: String? = nil
    ) {
        self.id = id
        self.phase = phase
        self.pid = pid
        self.shimPid = shimPid
        self.tty = tty
        self.startedAt = startedAt
        self.restartCount = restartCount
        self.restartPolicy = restartPolicy
        self.restartsAt = restartsAt
        self.lastExit = lastExit
        self.health = health
        self.logBytesLost = logBytesLost
        self.bundle = bundle
        self.log = log
    }
}
