import CLinux

/// Kinds of namespaces(7) as a set: what is made, joined or left.
public struct NamespaceSet: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let mount = NamespaceSet(rawValue: UInt32(CLONE_NEWNS))
    public static let cgroup = NamespaceSet(rawValue: UInt32(CLONE_NEWCGROUP))
    public static let uts = NamespaceSet(rawValue: UInt32(CLONE_NEWUTS))
    public static let ipc = NamespaceSet(rawValue: UInt32(CLONE_NEWIPC))
    public static let user = NamespaceSet(rawValue: UInt32(CLONE_NEWUSER))
    public static let pid = NamespaceSet(rawValue: UInt32(CLONE_NEWPID))
    public static let network = NamespaceSet(rawValue: UInt32(CLONE_NEWNET))
    public static let time = NamespaceSet(rawValue: UInt32(CAIS_CLONE_NEWTIME))

    /// The bits as clone3(2) wants them.
    var cloneFlags: UInt64 { UInt64(rawValue) }
}

/// Leaves and enters namespaces (unshare(2), setns(2)).
public enum Namespaces {
    /// Makes new namespaces of these kinds; pid and time ones are for the children only.
    public static func unshare(_ kinds: NamespaceSet) throws(Errno) {
        try call { CLinux.unshare(CInt(bitPattern: kinds.rawValue)) }
    }

    /// Enters the namespace behind `descriptor` (a file of /proc/PID/ns or a bind mount of one).
    /// - Throws: `Errno.invalid` where it is not of `kind`.
    public static func enter(_ descriptor: borrowing FileDescriptor, kind: NamespaceSet) throws(Errno) {
        let number = descriptor.rawValue
        try call { setns(number, CInt(bitPattern: kind.rawValue)) }
    }

    /// Enters several namespaces of one process at once (kernel 5.8).
    public static func enter(_ kinds: NamespaceSet, of process: borrowing Pidfd) throws(Errno) {
        let number = process.descriptor.rawValue
        try call { setns(number, CInt(bitPattern: kinds.rawValue)) }
    }

    /// Opens this process's own namespace by its name in /proc/self/ns, to come back to it.
    public static func own(_ name: String) throws(Errno) -> FileDescriptor {
        try Files.open("/proc/self/ns/\(name)", flags: O_RDONLY)
    }
}
