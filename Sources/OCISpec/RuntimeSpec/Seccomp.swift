// Seccomp: the system call filter, as it is written in config.json.

extension RuntimeSpec.Linux {
    /// A filter of system calls.
    public struct Seccomp: Codable, Hashable, Sendable {
        /// What happens to a call that no rule matches.
        public var defaultAction: SeccompAction
        /// The errno (or trace message) of the default action.
        public var defaultErrnoRet: UInt32?
        /// Architectures the filter covers in addition to the machine's.
        public var architectures: [SeccompArchitecture]?
        /// Flags of seccomp(2).
        public var flags: [SeccompFlag]?
        /// The socket that gets the notification descriptor.
        public var listenerPath: String?
        /// Opaque text that goes with it.
        public var listenerMetadata: String?
        /// The rules.
        public var syscalls: [SeccompRule]?

        /// Makes one from its parts; what is left out is absent.
        public init(
            defaultAction: SeccompAction, defaultErrnoRet: UInt32? = nil, architectures: [SeccompArchitecture]? = nil,
            flags: [SeccompFlag]? = nil, listenerPath: String? = nil, listenerMetadata: String? = nil,
            syscalls: [SeccompRule]? = nil
        ) {
            self.defaultAction = defaultAction
            self.defaultErrnoRet = defaultErrnoRet
            self.architectures = architectures
            self.flags = flags
            self.listenerPath = listenerPath
            self.listenerMetadata = listenerMetadata
            self.syscalls = syscalls
        }
    }

    /// What happens to some system calls, perhaps only with some arguments.
    public struct SeccompRule: Codable, Hashable, Sendable {
        /// The system calls, by name.
        public var names: [String]
        /// What happens.
        public var action: SeccompAction
        /// The errno (or trace message) of the action.
        public var errnoRet: UInt32?
        /// Conditions that must all hold.
        public var args: [SeccompArgument]?

        /// Makes one from its parts; what is left out is absent.
        public init(names: [String], action: SeccompAction, errnoRet: UInt32? = nil, args: [SeccompArgument]? = nil) {
            self.names = names
            self.action = action
            self.errnoRet = errnoRet
            self.args = args
        }
    }

    /// A condition on one argument.
    public struct SeccompArgument: Codable, Hashable, Sendable {
        /// Which argument, from 0.
        public var index: UInt32
        /// What it is compared with; the mask of a masked comparison.
        public var value: UInt64
        /// The value of a masked comparison.
        public var valueTwo: UInt64?
        /// How.
        public var op: SeccompOperator

        /// Makes one from its parts; what is left out is absent.
        public init(index: UInt32, value: UInt64, valueTwo: UInt64? = nil, op: SeccompOperator) {
            self.index = index
            self.value = value
            self.valueTwo = valueTwo
            self.op = op
        }
    }

    /// What a filter does with a call, by libseccomp's names.
    public enum SeccompAction: String, Codable, Hashable, Sendable, CaseIterable {
        /// Kill the thread, by its older name.
        case kill = "SCMP_ACT_KILL"
        case killProcess = "SCMP_ACT_KILL_PROCESS"
        case killThread = "SCMP_ACT_KILL_THREAD"
        /// Send SIGSYS.
        case trap = "SCMP_ACT_TRAP"
        /// Fail with an errno.
        case errno = "SCMP_ACT_ERRNO"
        /// Tell the tracer.
        case trace = "SCMP_ACT_TRACE"
        case allow = "SCMP_ACT_ALLOW"
        /// Allow and log.
        case log = "SCMP_ACT_LOG"
        /// Ask the holder of the notification descriptor.
        case notify = "SCMP_ACT_NOTIFY"
    }

    /// How an argument is compared, by libseccomp's names.
    public enum SeccompOperator: String, Codable, Hashable, Sendable, CaseIterable {
        case notEqual = "SCMP_CMP_NE"
        case lessThan = "SCMP_CMP_LT"
        case lessOrEqual = "SCMP_CMP_LE"
        case equal = "SCMP_CMP_EQ"
        case greaterOrEqual = "SCMP_CMP_GE"
        case greaterThan = "SCMP_CMP_GT"
        case maskedEqual = "SCMP_CMP_MASKED_EQ"
    }

    /// The flags of seccomp(2), by the kernel's names.
    public enum SeccompFlag: String, Codable, Hashable, Sendable, CaseIterable {
        case tsync = "SECCOMP_FILTER_FLAG_TSYNC"
        case log = "SECCOMP_FILTER_FLAG_LOG"
        case specAllow = "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
        case waitKillable = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
    }

    /// Architectures, by libseccomp's names.
    public enum SeccompArchitecture: String, Codable, Hashable, Sendable, CaseIterable {
        case x86 = "SCMP_ARCH_X86"
        case x86_64 = "SCMP_ARCH_X86_64"
        case x32 = "SCMP_ARCH_X32"
        case arm = "SCMP_ARCH_ARM"
        case aarch64 = "SCMP_ARCH_AARCH64"
        case loongarch64 = "SCMP_ARCH_LOONGARCH64"
        case m68k = "SCMP_ARCH_M68K"
        case mips = "SCMP_ARCH_MIPS"
        case mips64 = "SCMP_ARCH_MIPS64"
        case mips64n32 = "SCMP_ARCH_MIPS64N32"
        case mipsel = "SCMP_ARCH_MIPSEL"
        case mipsel64 = "SCMP_ARCH_MIPSEL64"
        case mipsel64n32 = "SCMP_ARCH_MIPSEL64N32"
        case ppc = "SCMP_ARCH_PPC"
        case ppc64 = "SCMP_ARCH_PPC64"
        case ppc64le = "SCMP_ARCH_PPC64LE"
        case s390 = "SCMP_ARCH_S390"
        case s390x = "SCMP_ARCH_S390X"
        case superH = "SCMP_ARCH_SH"
        case superHBigEndian = "SCMP_ARCH_SHEB"
        case parisc = "SCMP_ARCH_PARISC"
        case parisc64 = "SCMP_ARCH_PARISC64"
        case riscv64 = "SCMP_ARCH_RISCV64"
    }
}
