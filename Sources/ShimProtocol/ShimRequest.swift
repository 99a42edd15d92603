import Lifecycle
import OCISpec

// client                                        shim
//   │ {"id":1,"start":{}}                          │
//   ├─────────────────────────────────────────────►│ runtime start
//   │                              {"id":1,"ok":{}}│
//   │◄─────────────────────────────────────────────┤
//   │ {"id":2,"attach":{"stdout":true}} + socket   │
//   ├─────────────────────────────────────────────►│ the socket is the stream from here on
//   │                              {"id":2,"ok":{}}│
//   │◄─────────────────────────────────────────────┤
//   │ {"id":3,"subscribe":{}}                      │
//   ├─────────────────────────────────────────────►│
//   │                              {"id":3,"ok":{}}│
//   │◄─────────────────────────────────────────────┤
//   │     {"event":{"exited":{"exit":{…},…}}}      │
//   │◄─────────────────────────────────────────────┤ exit.json is on disk by now

/// One question to a shim: a number the answer will carry, and what is asked.
package struct ShimRequest: Hashable, Sendable {
    /// The client's number for it.
    package var id: UInt64
    /// What is asked.
    package var order: Order

    /// Numbers an order.
    package init(id: UInt64, _ order: Order) {
        self.id = id
        self.order = order
    }

    /// Everything a shim can be asked. Each is one key of the request with an object of its own.
    package enum Order: Hashable, Sendable {
        /// How is it? Answered with ``TaskStatus``.
        case status
        /// Start the created container.
        case start
        /// Send a signal.
        case signal(Signal)
        /// End it for good; answered when it has ended and been deleted.
        case stop(Stop)
        /// Set the size of a terminal.
        case resize(Resize)
        /// Join the streams of the container or of an exec.
        case attach(Attach)
        /// Run one more process in the container; answered with its pid when it runs.
        case exec(Exec)
        /// How is that exec? Answered with ``ExecStatus``; known until the shim ends.
        case execStatus(ExecReference)
        /// Close the process's standard input.
        case closeStdin(StreamReference)
        /// Change the restart policy.
        case updateRestartPolicy(UpdateRestartPolicy)
        /// Send events on this connection from now on.
        case subscribe
        /// Put away a container that is not running (created, or waiting for its restart) and end.
        case shutdown
    }

    /// Which signal to whom.
    package struct Signal: Codable, Hashable, Sendable {
        /// The kernel's number.
        package var signal: Int32
        /// To every process of the container instead of the first.
        package var all: Bool?
        /// And do not start it again when it ends of this.
        package var cancelRestart: Bool?
        /// To this exec instead of the container.
        package var exec: String?

        /// Names a signal.
        package init(signal: Int32, all: Bool? = nil, cancelRestart: Bool? = nil, exec: String? = nil) {
            self.signal = signal
            self.all = all
            self.cancelRestart = cancelRestart
            self.exec = exec
        }
    }

    /// How to stop; what is absent is as the shim was started with.
    package struct Stop: Codable, Hashable, Sendable {
        /// The signal that asks the container to end.
        package var signal: Int32?
        /// How long it may take before SIGKILL; negative is for ever.
        package var timeoutSeconds: Int?

        /// Says how to stop.
        package init(signal: Int32? = nil, timeoutSeconds: Int? = nil) {
            self.signal = signal
            self.timeoutSeconds = timeoutSeconds
        }
    }

    /// A terminal's new size.
    package struct Resize: Codable, Hashable, Sendable {
        /// The exec whose terminal it is; absent for the container's.
        package var exec: String?
        /// Columns.
        package var width: UInt16
        /// Rows.
        package var height: UInt16

        /// Makes a size.
        package init(exec: String? = nil, width: UInt16, height: UInt16) {
            self.exec = exec
            self.width = width
            self.height = height
        }
    }

    /// Which streams to join. With a descriptor beside the request's first byte (SCM_RIGHTS) that
    /// socket becomes the stream, otherwise this connection does after the answer.
    package struct Attach: Codable, Hashable, Sendable {
        /// The exec to join; absent for the container.
        package var exec: String?
        /// Whether bytes from the client go to the process.
        package var stdin: Bool
        /// Whether the client gets the process's standard output.
        package var stdout: Bool
        /// Whether the client gets the process's standard error.
        package var stderr: Bool

        /// Chooses streams.
        package init(exec: String? = nil, stdin: Bool = false, stdout: Bool = true, stderr: Bool = true) {
            self.exec = exec
            self.stdin = stdin
            self.stdout = stdout
            self.stderr = stderr
        }
    }

    /// A process to add. A descriptor beside the request is its stream, as for ``Attach``.
    package struct Exec: Codable, Hashable, Sendable {
        /// Its name, unique in this shim's life.
        package var exec: String
        /// What to run.
        package var process: RuntimeSpec.Process
        /// Whether it gets a terminal.
        package var tty: Bool
        /// Whether its standard input is open; ends with the stream that feeds it.
        package var stdin: Bool
        /// Whether the stream beside the request gets its standard output.
        package var stdout: Bool
        /// Whether the stream beside the request gets its standard error.
        package var stderr: Bool

        /// Describes a process to add.
        package init(
            exec: String, process: RuntimeSpec.Process, tty: Bool = false, stdin: Bool = false, stdout: Bool = true, stderr: Bool = true
        ) {
            self.exec = exec
            self.process = process
            self.tty = tty
            self.stdin = stdin
            self.stdout = stdout
            self.stderr = stderr
        }
    }

    /// An exec by name.
    package struct ExecReference: Codable, Hashable, Sendable {
        /// Its name.
        package var exec: String

        /// Names it.
        package init(exec: String) { self.exec = exec }
    }

    /// The container's streams or those of an exec.
    package struct StreamReference: Codable, Hashable, Sendable {
        /// The exec; absent for the container.
        package var exec: String?

        /// Names it.
        package init(exec: String? = nil) { self.exec = exec }
    }

    /// A new restart policy.
    package struct UpdateRestartPolicy: Codable, Hashable, Sendable {
        /// The policy in docker's notation.
        package var policy: RestartPolicy

        /// Names it.
        package init(policy: RestartPolicy) { self.policy = policy }
    }
}

extension ShimRequest: Codable {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case id, status, start, signal, stop, resize, attach, exec, execStatus, closeStdin, updateRestartPolicy, subscribe, shutdown
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(UInt64.self, forKey: .id)
        let keys = CodingKeys.allCases.filter { $0 != .id && container.contains($0) }
        guard let key = keys.first, keys.count == 1 else {
            let what = keys.isEmpty ? "names no order that this shim knows" : "names more than one order"
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "the request \(what)"))
        }
        order =
            switch key {
            case .id, .status: .status
            case .start: .start
            case .signal: .signal(try container.decode(Signal.self, forKey: key))
            case .stop: .stop(try container.decode(Stop.self, forKey: key))
            case .resize: .resize(try container.decode(Resize.self, forKey: key))
            case .attach: .attach(try container.decode(Attach.self, forKey: key))
            case .exec: .exec(try container.decode(Exec.self, forKey: key))
            case .execStatus: .execStatus(try container.decode(ExecReference.self, forKey: key))
            case .closeStdin: .closeStdin(try container.decode(StreamReference.self, forKey: key))
            case .updateRestartPolicy: .updateRestartPolicy(try container.decode(UpdateRestartPolicy.self, forKey: key))
            case .subscribe: .subscribe
            case .shutdown: .shutdown
            }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        switch order {
        case .status: try container.encode(Nothing(), forKey: .status)
        case .start: try container.encode(Nothing(), forKey: .start)
        case .signal(let value): try container.encode(value, forKey: .signal)
        case .stop(let value): try container.encode(value, forKey: .stop)
        case .resize(let value): try container.encode(value, forKey: .resize)
        case .attach(let value): try container.encode(value, forKey: .attach)
        case .exec(let value): try container.encode(value, forKey: .exec)
        case .execStatus(let value): try container.encode(value, forKey: .execStatus)
        case .closeStdin(let value): try container.encode(value, forKey: .closeStdin)
        case .updateRestartPolicy(let value): try container.encode(value, forKey: .updateRestartPolicy)
        case .subscribe: try container.encode(Nothing(), forKey: .subscribe)
        case .shutdown: try container.encode(Nothing(), forKey: .shutdown)
        }
    }
}

/// `{}`.
struct Nothing: Codable, Hashable, Sendable {}
