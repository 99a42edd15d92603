// ContainerRecord owns what the engine keeps of a container: what was asked for and what became of
// it. It is the document in the store and the snapshot that listings read.
import EngineAPI
import Faults
import Lifecycle
import OCISpec

/// How a run ended.
struct Ended: Codable, Hashable, Sendable {
    /// What docker calls the exit code.
    var exitCode: Int
    /// The signal that ended it.
    var signal: Int?
    /// Whether the kernel killed one of its processes for want of memory.
    var oomKilled = false
    /// When it had begun.
    var startedAt: Lifecycle.Timestamp?
    /// When it ended.
    var finishedAt: Lifecycle.Timestamp
    /// Why it could not go on, where there is more to say than a code.
    var error: String?
}

/// Why the last attempt to start failed.
struct StartFailure: Codable, Hashable, Sendable {
    /// 127 for a missing command, 126 for one that cannot be executed, else 128.
    var exitCode: Int
    /// The text that the client got.
    var error: String
}

/// Where a container is in its life. What only exists in a state is in its case.
enum ContainerPhase: Codable, Hashable, Sendable {
    /// Its create is under way; found after a crash, it is undone.
    case creating
    /// It has never run.
    case created(StartFailure?)
    /// Its start is under way; found after a crash, the shim says how far it came.
    case starting(before: Rest)
    /// Its command runs.
    case running(pid: Int, startedAt: Lifecycle.Timestamp)
    /// It ended and its shim starts it again soon.
    case restarting(Ended)
    /// It ended.
    case exited(Ended)
    /// Its removal is under way; found after a crash, it is finished.
    case removing(before: Rest)

    /// The states in which nothing of a container runs.
    enum Rest: Codable, Hashable, Sendable {
        case created(StartFailure?)
        case exited(Ended)

        /// The phase it is.
        var phase: ContainerPhase {
            switch self {
            case .created(let failure): .created(failure)
            case .exited(let ended): .exited(ended)
            }
        }
    }
}

/// A container: identity, configuration, and its phase.
struct ContainerRecord: Codable, Sendable {
    /// The format of this document.
    var version = 1
    /// Its ID.
    var id: ContainerID
    /// Its name, without a slash.
    var name: String
    /// When it was made.
    var created: Lifecycle.Timestamp
    /// The image's ID.
    var imageID: String
    /// What to run, merged with what the image presets.
    var config: ContainerConfig
    /// How to run it here, defaults filled in.
    var hostConfig: HostConfig
    /// The endpoints wanted.
    var networking: NetworkingConfig
    /// The mounts that were asked for, as listings show them.
    var mounts: [MountPoint] = []
    /// Where it is in its life.
    var phase: ContainerPhase
    /// How often its policy has started it again.
    var restartCount = 0
    /// How it is, or was when it last ran, where it has a health check.
    var health: HealthReport?
    /// Whether the last end was somebody's order.
    var stoppedByUser = false
    /// Its place on the network; of the last run when it does not run.
    var network: NetworkSettings?

    /// Command and arguments, the entrypoint first.
    var commandLine: [String] {
        let entrypoint = (config.entrypoint ?? []).filter { !$0.isEmpty || config.entrypoint!.count > 1 }  // Safe because the closure runs for elements of it.
        return entrypoint + (config.cmd ?? [])
    }

    /// How a run ended, where the last thing it did was to end.
    var ended: Ended? {
        switch phase {
        case .restarting(let ended), .exited(let ended): ended
        case .starting(let before), .removing(let before):
            if case .exited(let ended) = before { ended } else { nil }
        case .creating, .created, .running: nil
        }
    }

    /// Whether it counts as running, as docker does: also while it waits for its restart.
    var isRunning: Bool {
        switch phase {
        case .running, .restarting: true
        case .creating, .created, .starting, .exited, .removing: false
        }
    }

    /// Whether it has no writable directory that a client may see: create has not returned.
    var isHidden: Bool {
        if case .creating = phase { true } else { false }
    }

    /// The document.
    func encoded() throws(Fault) -> [UInt8] { try JSON.encode(self) }

    /// Reads a document.
    /// - Throws: `unsupported` where a newer version of the engine wrote it.
    init(document: [UInt8]) throws(Fault) {
        self = try JSON.decode(ContainerRecord.self, from: document)
        guard version == 1 else { throw Fault(.unsupported, "the record has version \(version); this engine knows 1") }
    }

    init(
        id: ContainerID, name: String, created: Lifecycle.Timestamp, imageID: String, config: ContainerConfig, hostConfig: HostConfig,
        networking: NetworkingConfig, phase: ContainerPhase
    ) {
        self.id = id
        self.name = name
        self.created = created
        self.imageID = imageID
        self.config = config
        self.hostConfig = hostConfig
        self.networking = networking
        self.phase = phase
    }
}

extension Lifecycle.Timestamp {
    /// The present moment.
    static func now() -> Lifecycle.Timestamp {
        let now = EngineAPI.Timestamp.now()
        return Lifecycle.Timestamp(seconds: now.seconds, nanoseconds: Int64(now.nanosecond))
    }
}
