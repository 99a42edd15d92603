import CLinux

/// A set of capabilities(7), one bit each by the kernel's numbers.
public struct CapabilitySet: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The names in the kernel's order: a name's place is its number.
    public static let names = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
        "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
        "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
        "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
        "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
        "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ]

    /// CAP_SYS_ADMIN.
    public static let systemAdministration = CapabilitySet(rawValue: 1 << 21)

    /// The one capability of this name, as `CAP_KILL`; nil for a name nobody knows.
    public init?(name: String) {
        guard let number = CapabilitySet.names.firstIndex(of: name) else { return nil }
        self.init(rawValue: 1 << UInt64(number))
    }

    /// The names of its members.
    public var names: [String] {
        CapabilitySet.names.enumerated().filter { rawValue & (1 << UInt64($0.offset)) != 0 }.map(\.element)
    }
}

/// The sets of a process that capset(2) changes.
public struct ProcessCapabilities: Hashable, Sendable {
    public var effective: CapabilitySet
    public var permitted: CapabilitySet
    public var inheritable: CapabilitySet

    /// Puts three sets together.
    public init(effective: CapabilitySet, permitted: CapabilitySet, inheritable: CapabilitySet) {
        self.effective = effective
        self.permitted = permitted
        self.inheritable = inheritable
    }

    /// Those of this process (capget(2)).
    public static func current() throws(Errno) -> ProcessCapabilities {
        var (effective, permitted, inheritable): (UInt64, UInt64, UInt64) = (0, 0, 0)
        try call { cais_capget(&effective, &permitted, &inheritable) }
        return ProcessCapabilities(
            effective: CapabilitySet(rawValue: effective), permitted: CapabilitySet(rawValue: permitted),
            inheritable: CapabilitySet(rawValue: inheritable))
    }

    /// Gives them to this process (capset(2)).
    public func apply() throws(Errno) {
        try call { cais_capset(effective.rawValue, permitted.rawValue, inheritable.rawValue) }
    }
}

/// The bounding and ambient sets and what goes with a change of user (prctl(2)).
public enum Capabilities {
    /// The highest number this kernel has, found by asking from above.
    public static func last() -> Int {
        var number = 63
        while number > 0 && cais_prctl(PR_CAPBSET_READ, UInt(number), 0, 0, 0) < 0 { number -= 1 }
        return number
    }

    /// Drops from the bounding set all that is not in `kept`. Needs CAP_SETPCAP.
    public static func limitBounding(to kept: CapabilitySet) throws(Errno) {
        for number in 0...63 where kept.rawValue & (1 << UInt64(number)) == 0 {
            if cais_prctl(PR_CAPBSET_DROP, UInt(number), 0, 0, 0) == 0 { continue }
            if Errno.current == .invalid { return }
            throw Errno.current
        }
    }

    /// Empties the ambient set.
    public static func clearAmbient() throws(Errno) {
        try call { cais_prctl(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0) }
    }

    /// Adds one capability to the ambient set; it must be permitted and inheritable.
    public static func raiseAmbient(_ number: Int) throws(Errno) {
        try call { cais_prctl(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_RAISE), UInt(number), 0, 0) }
    }

    /// Whether the permitted set outlives the change from uid 0 to another.
    public static func keepOverUserChange(_ on: Bool) throws(Errno) {
        try call { cais_prctl(PR_SET_KEEPCAPS, on ? 1 : 0, 0, 0, 0) }
    }
}
