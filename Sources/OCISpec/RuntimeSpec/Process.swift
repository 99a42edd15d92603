// Process: the program of a container, or one added by exec, and whom and what it may be.

extension RuntimeSpec {
    /// A program, its arguments and its privileges.
    public struct Process: Codable, Hashable, Sendable {
        /// Whether its standard streams are a pseudo-terminal.
        public var terminal: Bool?
        /// The terminal's size; ignored without one.
        public var consoleSize: ConsoleSize?
        /// Its identity; uid 0 and gid 0 where absent.
        public var user: User?
        /// The program and its arguments; at least one is needed to start.
        public var args: [String]?
        /// The command line of other platforms, kept as written.
        public var commandLine: String?
        /// The environment, `NAME=VALUE` each.
        public var env: [String]?
        /// The working directory, absolute in the container.
        public var cwd: String
        /// Its capabilities; absent means none.
        public var capabilities: Capabilities?
        /// Its resource limits; a type occurs once.
        public var rlimits: [Rlimit]?
        /// Whether execve(2) may no longer grant privileges (PR_SET_NO_NEW_PRIVS).
        public var noNewPrivileges: Bool?
        /// The AppArmor profile it is confined by.
        public var apparmorProfile: String?
        /// Its oom_score_adj; untouched where absent.
        public var oomScoreAdj: Int?
        /// Its SELinux label.
        public var selinuxLabel: String?
        /// Its I/O priority (ioprio_set(2)).
        public var ioPriority: IOPriority?
        /// Its scheduling policy (sched_setattr(2)).
        public var scheduler: Scheduler?
        /// Processors of a process added by exec.
        public var execCPUAffinity: ExecCPUAffinity?

        /// Makes one from its parts; what is left out is absent.
        public init(
            terminal: Bool? = nil, consoleSize: ConsoleSize? = nil, user: User? = nil, args: [String]? = nil,
            commandLine: String? = nil, env: [String]? = nil, cwd: String = "/", capabilities: Capabilities? = nil,
            rlimits: [Rlimit]? = nil, noNewPrivileges: Bool? = nil, apparmorProfile: String? = nil, oomScoreAdj: Int? = nil,
            selinuxLabel: String? = nil, ioPriority: IOPriority? = nil, scheduler: Scheduler? = nil,
            execCPUAffinity: ExecCPUAffinity? = nil
        ) {
            self.terminal = terminal
            self.consoleSize = consoleSize
            self.user = user
            self.args = args
            self.commandLine = commandLine
            self.env = env
            self.cwd = cwd
            self.capabilities = capabilities
            self.rlimits = rlimits
            self.noNewPrivileges = noNewPrivileges
            self.apparmorProfile = apparmorProfile
            self.oomScoreAdj = oomScoreAdj
            self.selinuxLabel = selinuxLabel
            self.ioPriority = ioPriority
            self.scheduler = scheduler
            self.execCPUAffinity = execCPUAffinity
        }
    }

    /// A terminal's size in characters.
    public struct ConsoleSize: Codable, Hashable, Sendable {
        /// Rows.
        public var height: UInt64
        /// Columns.
        public var width: UInt64

        /// Makes one from its parts; what is left out is absent.
        public init(height: UInt64, width: UInt64) {
            self.height = height
            self.width = width
        }
    }

    /// Who a process is, by number.
    public struct User: Codable, Hashable, Sendable {
        /// The user id; 0 where absent.
        public var uid: UInt32?
        /// The group id; 0 where absent.
        public var gid: UInt32?
        /// The file mode creation mask; inherited where absent.
        public var umask: UInt32?
        /// Supplementary groups.
        public var additionalGids: [UInt32]?
        /// The name of other platforms, kept as written.
        public var username: String?

        /// Makes one from its parts; what is left out is absent.
        public init(
            uid: UInt32? = nil, gid: UInt32? = nil, umask: UInt32? = nil, additionalGids: [UInt32]? = nil,
            username: String? = nil
        ) {
            self.uid = uid
            self.gid = gid
            self.umask = umask
            self.additionalGids = additionalGids
            self.username = username
        }
    }

    /// The five sets of capabilities(7), by their CAP_ names.
    public struct Capabilities: Codable, Hashable, Sendable {
        /// What can ever be gained.
        public var bounding: [String]?
        /// What the kernel checks.
        public var effective: [String]?
        /// What survives execve(2) of a program that asks for it.
        public var inheritable: [String]?
        /// What can be made effective.
        public var permitted: [String]?
        /// What survives execve(2) of any program.
        public var ambient: [String]?

        /// Makes one from its parts; what is left out is absent.
        public init(
            bounding: [String]? = nil, effective: [String]? = nil, inheritable: [String]? = nil, permitted: [String]? = nil,
            ambient: [String]? = nil
        ) {
            self.bounding = bounding
            self.effective = effective
            self.inheritable = inheritable
            self.permitted = permitted
            self.ambient = ambient
        }
    }

    /// One limit of setrlimit(2).
    public struct Rlimit: Codable, Hashable, Sendable {
        /// Its RLIMIT_ name.
        public var type: String
        /// What the kernel enforces; 18446744073709551615 is RLIM_INFINITY.
        public var soft: UInt64
        /// How far the soft one can be raised.
        public var hard: UInt64

        /// Makes one from its parts; what is left out is absent.
        public init(type: String, soft: UInt64, hard: UInt64) {
            self.type = type
            self.soft = soft
            self.hard = hard
        }
    }

    /// An I/O scheduling class and the priority in it.
    public struct IOPriority: Codable, Hashable, Sendable {
        /// The class.
        public var `class`: IOPriorityClass
        /// The priority, 0 (first) to 7.
        public var priority: Int32?

        /// Makes one from its parts; what is left out is absent.
        public init(class: IOPriorityClass, priority: Int32? = nil) {
            self.class = `class`
            self.priority = priority
        }
    }

    /// The attributes of sched_setattr(2).
    public struct Scheduler: Codable, Hashable, Sendable {
        /// The policy.
        public var policy: SchedulerPolicy
        /// The nice value, for SCHED_OTHER and SCHED_BATCH.
        public var nice: Int32?
        /// The static priority, for SCHED_FIFO and SCHED_RR.
        public var priority: Int32?
        /// Flags of sched_setattr(2).
        public var flags: [SchedulerFlag]?
        /// Nanoseconds of run time in each period, for SCHED_DEADLINE.
        public var runtime: UInt64?
        /// Nanoseconds until the deadline, for SCHED_DEADLINE.
        public var deadline: UInt64?
        /// Nanoseconds of the period, for SCHED_DEADLINE.
        public var period: UInt64?

        /// Makes one from its parts; what is left out is absent.
        public init(
            policy: SchedulerPolicy, nice: Int32? = nil, priority: Int32? = nil, flags: [SchedulerFlag]? = nil,
            runtime: UInt64? = nil, deadline: UInt64? = nil, period: UInt64? = nil
        ) {
            self.policy = policy
            self.nice = nice
            self.priority = priority
            self.flags = flags
            self.runtime = runtime
            self.deadline = deadline
            self.period = period
        }
    }

    /// Which processors a process added by exec runs on, as lists like `0-3,7`.
    public struct ExecCPUAffinity: Codable, Hashable, Sendable {
        /// From its start, before it joins the container's cgroup.
        public var initial: String?
        /// From when it has joined.
        public var final: String?

        /// Makes one from its parts; what is left out is absent.
        public init(initial: String? = nil, final: String? = nil) {
            self.initial = initial
            self.final = final
        }
    }

    /// The I/O scheduling classes.
    public enum IOPriorityClass: String, Codable, Hashable, Sendable, CaseIterable {
        /// First access to the disk.
        case realtime = "IOPRIO_CLASS_RT"
        /// The usual one.
        case bestEffort = "IOPRIO_CLASS_BE"
        /// Only when nobody else wants the disk.
        case idle = "IOPRIO_CLASS_IDLE"
    }

    /// The scheduling policies of sched(7), by the kernel's names.
    public enum SchedulerPolicy: String, Codable, Hashable, Sendable, CaseIterable {
        case other = "SCHED_OTHER"
        case fifo = "SCHED_FIFO"
        case roundRobin = "SCHED_RR"
        case batch = "SCHED_BATCH"
        case iso = "SCHED_ISO"
        case idle = "SCHED_IDLE"
        case deadline = "SCHED_DEADLINE"
    }

    /// The flags of sched_setattr(2), by the kernel's names.
    public enum SchedulerFlag: String, Codable, Hashable, Sendable, CaseIterable {
        case resetOnFork = "SCHED_FLAG_RESET_ON_FORK"
        case reclaim = "SCHED_FLAG_RECLAIM"
        case deadlineOverrun = "SCHED_FLAG_DL_OVERRUN"
        case keepPolicy = "SCHED_FLAG_KEEP_POLICY"
        case keepParameters = "SCHED_FLAG_KEEP_PARAMS"
        case utilClampMin = "SCHED_FLAG_UTIL_CLAMP_MIN"
        case utilClampMax = "SCHED_FLAG_UTIL_CLAMP_MAX"
    }
}
