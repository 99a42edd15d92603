// The parts of an image's configuration.

extension ImageConfig {
    /// How a container of the image is run, unless it says otherwise.
    public struct Execution: Codable, Hashable, Sendable {
        /// User, or user and group, by name or number.
        public var user: String?
        /// Ports it listens on, `80/tcp` each.
        public var exposedPorts: [String: EmptyObject]?
        /// The environment, `NAME=VALUE` each.
        public var env: [String]?
        /// The program.
        public var entrypoint: [String]?
        /// Its arguments, or program and arguments.
        public var cmd: [String]?
        /// Directories whose data outlives the container.
        public var volumes: [String: EmptyObject]?
        /// The working directory.
        public var workingDir: String?
        /// Metadata.
        public var labels: [String: String]?
        /// The signal that asks it to end.
        public var stopSignal: String?
        /// Docker's, for Windows.
        public var argsEscaped: Bool?
        /// Docker's: how to see whether it is well.
        public var healthcheck: Healthcheck?
        /// Docker's: the shell of the shell form of instructions.
        public var shell: [String]?
        /// Docker's: instructions for images built on this one.
        public var onBuild: [String]?
        /// Docker's.
        public var hostname: String?
        /// Docker's.
        public var domainname: String?
        /// Docker's.
        public var attachStdin: Bool?
        /// Docker's.
        public var attachStdout: Bool?
        /// Docker's.
        public var attachStderr: Bool?
        /// Docker's.
        public var tty: Bool?
        /// Docker's.
        public var openStdin: Bool?
        /// Docker's.
        public var stdinOnce: Bool?
        /// Docker's.
        public var image: String?
        /// Docker's.
        public var networkDisabled: Bool?
        /// Docker's.
        public var macAddress: String?
        /// Docker's: seconds until it is killed.
        public var stopTimeout: Int?

        /// Makes one from its parts; what is left out is absent.
        public init(
            user: String? = nil, exposedPorts: [String: EmptyObject]? = nil, env: [String]? = nil, entrypoint: [String]? = nil,
            cmd: [String]? = nil, volumes: [String: EmptyObject]? = nil, workingDir: String? = nil,
            labels: [String: String]? = nil, stopSignal: String? = nil, argsEscaped: Bool? = nil,
            healthcheck: Healthcheck? = nil, shell: [String]? = nil, onBuild: [String]? = nil, hostname: String? = nil,
            domainname: String? = nil, attachStdin: Bool? = nil, attachStdout: Bool? = nil, attachStderr: Bool? = nil,
            tty: Bool? = nil, openStdin: Bool? = nil, stdinOnce: Bool? = nil, image: String? = nil, networkDisabled: Bool? = nil,
            macAddress: String? = nil, stopTimeout: Int? = nil
        ) {
            self.user = user
            self.exposedPorts = exposedPorts
            self.env = env
            self.entrypoint = entrypoint
            self.cmd = cmd
            self.volumes = volumes
            self.workingDir = workingDir
            self.labels = labels
            self.stopSignal = stopSignal
            self.argsEscaped = argsEscaped
            self.healthcheck = healthcheck
            self.shell = shell
            self.onBuild = onBuild
            self.hostname = hostname
            self.domainname = domainname
            self.attachStdin = attachStdin
            self.attachStdout = attachStdout
            self.attachStderr = attachStderr
            self.tty = tty
            self.openStdin = openStdin
            self.stdinOnce = stdinOnce
            self.image = image
            self.networkDisabled = networkDisabled
            self.macAddress = macAddress
            self.stopTimeout = stopTimeout
        }

        private enum CodingKeys: String, CodingKey {
            case user = "User"
            case exposedPorts = "ExposedPorts"
            case env = "Env"
            case entrypoint = "Entrypoint"
            case cmd = "Cmd"
            case volumes = "Volumes"
            case workingDir = "WorkingDir"
            case labels = "Labels"
            case stopSignal = "StopSignal"
            case argsEscaped = "ArgsEscaped"
            case healthcheck = "Healthcheck"
            case shell = "Shell"
            case onBuild = "OnBuild"
            case hostname = "Hostname"
            case domainname = "Domainname"
            case attachStdin = "AttachStdin"
            case attachStdout = "AttachStdout"
            case attachStderr = "AttachStderr"
            case tty = "Tty"
            case openStdin = "OpenStdin"
            case stdinOnce = "StdinOnce"
            case image = "Image"
            case networkDisabled = "NetworkDisabled"
            case macAddress = "MacAddress"
            case stopTimeout = "StopTimeout"
        }
    }

    /// How to see whether a container is well.
    public struct Healthcheck: Codable, Hashable, Sendable {
        /// `NONE`, `CMD` and a program, or `CMD-SHELL` and a line; inherited where empty.
        public var test: [String]?
        /// Nanoseconds between checks; 0 is inherited.
        public var interval: Int64?
        /// Nanoseconds a check may take; 0 is inherited.
        public var timeout: Int64?
        /// Nanoseconds in which failures do not count; 0 is inherited.
        public var startPeriod: Int64?
        /// Nanoseconds between checks in that time; 0 is inherited.
        public var startInterval: Int64?
        /// Failures in a row that make it unhealthy; 0 is inherited.
        public var retries: Int?

        /// Makes one from its parts; what is left out is absent.
        public init(
            test: [String]? = nil, interval: Int64? = nil, timeout: Int64? = nil, startPeriod: Int64? = nil,
            startInterval: Int64? = nil, retries: Int? = nil
        ) {
            self.test = test
            self.interval = interval
            self.timeout = timeout
            self.startPeriod = startPeriod
            self.startInterval = startInterval
            self.retries = retries
        }

        private enum CodingKeys: String, CodingKey {
            case test = "Test"
            case interval = "Interval"
            case timeout = "Timeout"
            case startPeriod = "StartPeriod"
            case startInterval = "StartInterval"
            case retries = "Retries"
        }
    }

    /// The layers of an image.
    public struct RootFS: Codable, Hashable, Sendable {
        /// Always `layers`.
        public var type: String
        /// The digests of the uncompressed layers, lowest first.
        public var diffIDs: [Digest]

        /// Makes one from its parts; what is left out is absent.
        public init(type: String = "layers", diffIDs: [Digest] = []) {
            self.type = type
            self.diffIDs = diffIDs
        }

        private enum CodingKeys: String, CodingKey {
            case type
            case diffIDs = "diff_ids"
        }
    }

    /// How one layer, or a change without one, was made.
    public struct History: Codable, Hashable, Sendable {
        /// When.
        public var created: String?
        /// By which command.
        public var createdBy: String?
        /// By whom.
        public var author: String?
        /// A remark.
        public var comment: String?
        /// Whether there is no layer.
        public var emptyLayer: Bool?

        /// Makes one from its parts; what is left out is absent.
        public init(
            created: String? = nil, createdBy: String? = nil, author: String? = nil, comment: String? = nil,
            emptyLayer: Bool? = nil
        ) {
            self.created = created
            self.createdBy = createdBy
            self.author = author
            self.comment = comment
            self.emptyLayer = emptyLayer
        }

        private enum CodingKeys: String, CodingKey {
            case created, author, comment
            case createdBy = "created_by"
            case emptyLayer = "empty_layer"
        }
    }
}
