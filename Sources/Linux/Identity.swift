import CLinux

/// Who a process is, and attributes that its program inherits. Every call changes the calling
/// thread only, so the program must have one.
public enum Identity {
    /// Replaces the supplementary groups (setgroups(2)); needs CAP_SETGID.
    public static func setGroups(_ groups: [gid_t]) throws(Errno) { try call { cais_setgroups(groups.count, groups) } }

    /// Sets real, effective and saved group (setresgid(2)).
    public static func setGroup(_ gid: gid_t) throws(Errno) { try call { cais_setresgid(gid) } }

    /// Sets real, effective and saved user (setresuid(2)); other than 0 drops the capabilities that are not kept.
    public static func setUser(_ uid: uid_t) throws(Errno) { try call { cais_setresuid(uid) } }

    /// From now on execve(2) grants no privileges (PR_SET_NO_NEW_PRIVS).
    public static func setNoNewPrivileges() throws(Errno) { try call { cais_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } }

    /// Whether others may trace this process and read its memory and descriptors; execve(2) sets it again.
    public static func setDumpable(_ on: Bool) throws(Errno) { try call { cais_prctl(PR_SET_DUMPABLE, on ? 1 : 0, 0, 0, 0) } }

    /// The signal this process gets when its parent dies.
    public static func setParentDeathSignal(_ signal: CInt) throws(Errno) {
        try call { cais_prctl(PR_SET_PDEATHSIG, UInt(signal), 0, 0, 0) }
    }

    /// Whether descendants that lose their parents become children of this process and not of init; not inherited.
    public static func setChildSubreaper(_ on: Bool) throws(Errno) { try call { cais_prctl(PR_SET_CHILD_SUBREAPER, on ? 1 : 0, 0, 0, 0) } }

    /// The name that ps shows, at most 15 bytes.
    public static func setName(_ name: String) { _ = name.withCString { cais_prctl(PR_SET_NAME, UInt(bitPattern: $0), 0, 0, 0) } }

    /// The host name of the UTS namespace.
    public static func setHostName(_ name: String) throws(Errno) { try call { sethostname(name, name.utf8.count) } }

    /// The NIS domain name of the UTS namespace.
    public static func setDomainName(_ name: String) throws(Errno) { try call { setdomainname(name, name.utf8.count) } }

    /// Starts a session of its own (setsid(2)).
    public static func startSession() throws(Errno) { try call { setsid() } }

    /// Leaves the caller's session keyring for a new one named `name` (keyctl(2)), readable by whom joins the container.
    public static func joinSessionKeyring(_ name: String) throws(Errno) {
        let ring = name.withCString { cais_keyctl(KEYCTL_JOIN_SESSION_KEYRING, UInt(bitPattern: $0), 0, 0) }
        if ring < 0 { throw Errno.current }
        // The owner may search it too, as a program that is not its possessor would need.
        let description = [UInt8](unsafeUninitializedCapacity: 256) { buffer, count in
            count = max(0, min(256, cais_keyctl(KEYCTL_DESCRIBE, UInt(ring), UInt(bitPattern: buffer.baseAddress), 256)))
        }
        let fields = description.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        guard fields.count > 3, let mask = UInt32(String(decoding: fields[3], as: UTF8.self), radix: 16) else { return }
        if cais_keyctl(KEYCTL_SETPERM, UInt(ring), UInt(mask | 0x0008_0000), 0) < 0 { throw Errno.current }
    }

    /// The scheduling class and priority of disk access (ioprio_set(2)).
    public static func setIOPriority(class number: CInt, priority: CInt) throws(Errno) {
        try call { cais_ioprio_set(1, 0, number << 13 | priority) }
    }

    /// The execution domain (personality(2)).
    public static func setPersonality(_ domain: UInt) throws(Errno) { try call { personality(domain) } }
}
