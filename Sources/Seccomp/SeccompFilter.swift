import CLinux
import Faults
import Linux
import OCISpec

/// A system call filter that is ready to be installed: instructions for the kernel's classic BPF
/// machine, and the flags of seccomp(2). Made from the profile of a configuration.
package struct SeccompFilter: Hashable, Sendable {
    /// `struct sock_filter`, eight bytes each, in this machine's byte order.
    package let program: [UInt8]
    /// SECCOMP_FILTER_FLAG_*, the listener's included where the profile asks somebody.
    package let flags: UInt32

    /// The kernel's limit (BPF_MAXINSNS).
    package static let instructionsMax = 4_096

    /// Whether ``install()`` gives a notification descriptor.
    package var hasListener: Bool { flags & Self.newListener != 0 }

    /// Makes the filter of a profile, or finds the one made before. Compiling costs milliseconds of
    /// libseccomp, finding some microseconds.
    /// - Parameter cacheDirectory: a directory that only its owner writes to; it is made where it is
    ///   missing. A cache that cannot be used is a filter that is compiled each time, not an error.
    /// - Throws: `.invalidArgument` for a profile that contradicts itself, `.unsupported` for one that
    ///   this build of libseccomp or this kernel cannot express.
    package static func compile(
        _ profile: RuntimeSpec.Linux.Seccomp, cacheDirectory: String? = nil
    ) throws(Fault) -> SeccompFilter {
        try within("system call filter") { () throws(Fault) in
            try check(profile)
            let flags = flags(of: profile)
            guard let cacheDirectory else { return SeccompFilter(program: try SeccompCompiler.compile(profile), flags: flags) }
            let cache = SeccompCache(directory: cacheDirectory)
            let key = SeccompCache.key(of: profile)
            if let program = cache.load(key) { return SeccompFilter(program: program, flags: flags) }
            let program = try SeccompCompiler.compile(profile)
            cache.store(program, key)
            return SeccompFilter(program: program, flags: flags)
        }
    }

    /// Installs the filter for the calling thread, or for all with the profile's flag for that
    /// (seccomp(2)). Needs no_new_privs, or CAP_SYS_ADMIN in the thread's user namespace. What the
    /// filter forbids is forbidden from the return of this call on.
    /// - Returns: the notification descriptor, close-on-exec, where the profile asks somebody.
    package borrowing func install() throws(Errno) -> CInt? {
        let flags = flags
        let program = program
        let result = try callOnce {
            program.withUnsafeBytes { cais_seccomp_install(flags, $0.baseAddress, UInt16($0.count / 8)) }
        }
        return flags & Self.newListener != 0 ? result : nil
    }

    static let newListener: UInt32 = 1 << 3

    private static func flags(of profile: RuntimeSpec.Linux.Seccomp) -> UInt32 {
        var flags: UInt32 = 0
        for flag in profile.flags ?? [] { flags |= bit(of: flag) }
        guard (profile.syscalls ?? []).contains(where: { $0.action == .notify }) else {
            // Waiting killably is for listeners, and refused by the kernel without one.
            return flags & ~(1 << 5)
        }
        flags |= newListener
        // With both, an error must be told apart from a descriptor (5.7).
        if flags & 1 != 0 { flags |= 1 << 4 }
        return flags
    }

    /// SECCOMP_FILTER_FLAG_*.
    static func bit(of flag: RuntimeSpec.Linux.SeccompFlag) -> UInt32 {
        switch flag {
        case .tsync: 1 << 0
        case .log: 1 << 1
        case .specAllow: 1 << 2
        case .waitKillable: 1 << 5
        }
    }

    /// What no kernel and no library is needed to refuse.
    private static func check(_ profile: RuntimeSpec.Linux.Seccomp) throws(Fault) {
        if profile.defaultAction == .notify { throw Fault(.invalidArgument, "the default action cannot be SCMP_ACT_NOTIFY") }
        try check(profile.defaultAction, profile.defaultErrnoRet)
        for rule in profile.syscalls ?? [] {
            guard !rule.names.isEmpty else { throw Fault(.invalidArgument, "a rule names no system call") }
            try check(rule.action, rule.errnoRet)
            if rule.action == .notify, (profile.listenerPath ?? "").isEmpty {
                throw Fault(.invalidArgument, "SCMP_ACT_NOTIFY needs a listenerPath")
            }
            if let wrong = (rule.args ?? []).first(where: { $0.index > 5 }) {
                throw Fault(.invalidArgument, "a system call has no argument \(wrong.index)")
            }
        }
        if profile.listenerMetadata != nil, profile.listenerPath == nil {
            throw Fault(.invalidArgument, "listenerMetadata without listenerPath")
        }
    }

    private static func check(_ action: RuntimeSpec.Linux.SeccompAction, _ errno: UInt32?) throws(Fault) {
        guard let errno else { return }
        guard action == .errno || action == .trace else {
            throw Fault(.invalidArgument, "\(action.rawValue) takes no errno, and \(errno) is given")
        }
        guard errno <= 0xFFFF else { throw Fault(.invalidArgument, "errno \(errno) is too large") }
    }
}
