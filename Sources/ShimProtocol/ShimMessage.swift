import Faults
import Lifecycle
import OCISpec

// What a shim says: answers to requests, events to subscribers, and one line to whoever spawned it.

/// A line from the shim on its control socket.
package enum ShimMessage: Hashable, Sendable {
    /// The answer to the request with the same number.
    case reply(ShimReply)
    /// Something happened; sent after `subscribe`.
    case event(ShimEvent)
}

/// The answer to a request.
package struct ShimReply: Hashable, Sendable {
    /// The request's number.
    package var id: UInt64
    /// How it went.
    package var outcome: Outcome

    /// Answers a request.
    package init(id: UInt64, _ outcome: Outcome) {
        self.id = id
        self.outcome = outcome
    }

    /// Success with what was asked for, or an error.
    package enum Outcome: Hashable, Sendable {
        /// It is done: `"ok":{}`.
        case done
        /// `"ok":{"status":{…}}`, to `status`.
        case status(TaskStatus)
        /// `"ok":{"exec":{…}}`, to `exec` and `execStatus`.
        case exec(ExecStatus)
        /// `"error":{"kind":…,"message":…}`.
        case failed(WireFault)
    }
}

/// The state of an added process.
package struct ExecStatus: Codable, Hashable, Sendable {
    /// Its name.
    package var exec: String
    /// Whether it runs.
    package var running: Bool
    /// Its process in the shim's PID namespace; kept after its end.
    package var pid: Int32?
    /// What it returned, or 128 plus the signal; absent while it runs.
    package var exitCode: Int32?

    /// Makes a status.
    package init(exec: String, running: Bool, pid: Int32? = nil, exitCode: Int32? = nil) {
        self.exec = exec
        self.running = running
        self.pid = pid
        self.exitCode = exitCode
    }
}

/// What subscribers hear.
package enum ShimEvent: Hashable, Sendable {
    /// The container's command runs.
    case started(Started)
    /// The container ended. With `willRestart` false this is the last event: the exit record is on
    /// disk, the runtime has deleted the container, and the shim ends.
    case exited(Exited)
    /// The delay after an exit is over and the container is being made again.
    case restarting
    /// An added process runs.
    case execStarted(ExecStarted)
    /// An added process ended.
    case execExited(ExecExited)
    /// The kernel killed a process of the container for want of memory; told with its exit.
    case oom
    /// Somebody looked how the container is; told after each look, and when a run begins.
    case health(HealthReport)

    /// A run began.
    package struct Started: Codable, Hashable, Sendable {
        /// The first process.
        package var pid: Int32
        /// When.
        package var startedAt: Timestamp

        /// Makes the event.
        package init(pid: Int32, startedAt: Timestamp) {
            self.pid = pid
            self.startedAt = startedAt
        }
    }

    /// A run ended.
    package struct Exited: Codable, Hashable, Sendable {
        /// How.
        package var exit: ExitRecord
        /// Whether the policy starts it again.
        package var willRestart: Bool
        /// After how long.
        package var restartDelayMilliseconds: Int64?

        /// Makes the event.
        package init(exit: ExitRecord, willRestart: Bool, restartDelayMilliseconds: Int64? = nil) {
            self.exit = exit
            self.willRestart = willRestart
            self.restartDelayMilliseconds = restartDelayMilliseconds
        }
    }

    /// An exec began.
    package struct ExecStarted: Codable, Hashable, Sendable {
        /// Its name.
        package var exec: String
        /// Its process.
        package var pid: Int32

        /// Makes the event.
        package init(exec: String, pid: Int32) {
            self.exec = exec
            self.pid = pid
        }
    }

    /// An exec ended.
    package struct ExecExited: Codable, Hashable, Sendable {
        /// Its name.
        package var exec: String
        /// Its process.
        package var pid: Int32
        /// What it returned, or 128 plus the signal.
        package var exitCode: Int32

        /// Makes the event.
        package init(exec: String, pid: Int32, exitCode: Int32) {
            self.exec = exec
            self.pid = pid
            self.exitCode = exitCode
        }
    }
}

/// The one line on the descriptor that `--ready-fd` names.
package enum ShimReadiness: Hashable, Sendable {
    /// The container is made and, without `--wait-start`, started; its first process.
    case ready(pid: Int32)
    /// It could not be; everything is put away and the shim ends.
    case failed(WireFault)
}

extension ShimMessage: Codable {
    enum CodingKeys: String, CodingKey { case event }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self =
            container.contains(.event)
            ? .event(try container.decode(ShimEvent.self, forKey: .event)) : .reply(try ShimReply(from: decoder))
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .reply(let reply): try reply.encode(to: encoder)
        case .event(let event):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(event, forKey: .event)
        }
    }
}

extension ShimReply: Codable {
    enum CodingKeys: String, CodingKey { case id, ok, error }
    enum ValueKeys: String, CodingKey { case status, exec }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(UInt64.self, forKey: .id)
        if container.contains(.error) {
            outcome = .failed(try container.decode(WireFault.self, forKey: .error))
            return
        }
        let value = try container.nestedContainer(keyedBy: ValueKeys.self, forKey: .ok)
        if value.contains(.status) {
            outcome = .status(try value.decode(TaskStatus.self, forKey: .status))
        } else if value.contains(.exec) {
            outcome = .exec(try value.decode(ExecStatus.self, forKey: .exec))
        } else {
            outcome = .done
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        switch outcome {
        case .failed(let fault): try container.encode(fault, forKey: .error)
        case .done: try container.encode(Nothing(), forKey: .ok)
        case .status(let status):
            var value = container.nestedContainer(keyedBy: ValueKeys.self, forKey: .ok)
            try value.encode(status, forKey: .status)
        case .exec(let status):
            var value = container.nestedContainer(keyedBy: ValueKeys.self, forKey: .ok)
            try value.encode(status, forKey: .exec)
        }
    }
}

extension ShimEvent: Codable {
    enum CodingKeys: String, CodingKey, CaseIterable { case started, exited, restarting, execStarted, execExited, oom, health }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard let key = CodingKeys.allCases.first(where: { container.contains($0) }) else {
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "an event of an unknown kind"))
        }
        self =
            switch key {
            case .started: .started(try container.decode(Started.self, forKey: key))
            case .exited: .exited(try container.decode(Exited.self, forKey: key))
            case .restarting: .restarting
            case .execStarted: .execStarted(try container.decode(ExecStarted.self, forKey: key))
            case .execExited: .execExited(try container.decode(ExecExited.self, forKey: key))
            case .oom: .oom
            case .health: .health(try container.decode(HealthReport.self, forKey: key))
            }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .started(let value): try container.encode(value, forKey: .started)
        case .exited(let value): try container.encode(value, forKey: .exited)
        case .restarting: try container.encode(Nothing(), forKey: .restarting)
        case .execStarted(let value): try container.encode(value, forKey: .execStarted)
        case .execExited(let value): try container.encode(value, forKey: .execExited)
        case .oom: try container.encode(Nothing(), forKey: .oom)
        case .health(let value): try container.encode(value, forKey: .health)
        }
    }
}

extension ShimReadiness: Codable {
    enum CodingKeys: String, CodingKey { case ready, failed }
    struct Ready: Codable { var pid: Int32 }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self =
            container.contains(.failed)
            ? .failed(try container.decode(WireFault.self, forKey: .failed))
            : .ready(pid: try container.decode(Ready.self, forKey: .ready).pid)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .ready(let pid): try container.encode(Ready(pid: pid), forKey: .ready)
        case .failed(let fault): try container.encode(fault, forKey: .failed)
        }
    }
}
