import CLinux

/// The resources of getrlimit(2), by their names.
public enum Rlimit {
    /// The kernel's number for `RLIMIT_NOFILE` and its like; nil for a name nobody knows.
    public static func resource(named name: String) -> CInt? { numbers.first { $0.0 == name }?.1 }

    /// The names in alphabetical order with the kernel's numbers (the same on all machines that Swift runs on).
    private static let numbers: [(String, CInt)] = [
        ("RLIMIT_AS", 9), ("RLIMIT_CORE", 4), ("RLIMIT_CPU", 0), ("RLIMIT_DATA", 2), ("RLIMIT_FSIZE", 1),
        ("RLIMIT_LOCKS", 10), ("RLIMIT_MEMLOCK", 8), ("RLIMIT_MSGQUEUE", 12), ("RLIMIT_NICE", 13), ("RLIMIT_NOFILE", 7),
        ("RLIMIT_NPROC", 6), ("RLIMIT_RSS", 5), ("RLIMIT_RTPRIO", 14), ("RLIMIT_RTTIME", 15), ("RLIMIT_SIGPENDING", 11),
        ("RLIMIT_STACK", 3),
    ]

    /// Sets both limits of this process. A hard limit above the present one needs CAP_SYS_RESOURCE.
    public static func set(_ resource: CInt, soft: UInt64, hard: UInt64) throws(Errno) {
        var limit = rlimit(rlim_cur: rlim_t(soft), rlim_max: rlim_t(hard))
        try call { prlimit(0, __rlimit_resource(UInt32(resource)), &limit, nil) }
    }

    /// The limits of this process.
    public static func get(_ resource: CInt) throws(Errno) -> (soft: UInt64, hard: UInt64) {
        var limit = rlimit()
        try call { prlimit(0, __rlimit_resource(UInt32(resource)), nil, &limit) }
        return (UInt64(limit.rlim_cur), UInt64(limit.rlim_max))
    }
}
