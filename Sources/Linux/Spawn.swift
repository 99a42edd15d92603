import CLinux

/// Starts other programs without copying this process (posix_spawn(3), which is vfork inside):
/// sound also from a process with many threads, and never slow because the caller is large.
public enum Spawn {
    /// One descriptor of ours and the number it has in the new program.
    public struct Inherited: Sendable {
        /// Our descriptor.
        public let source: CInt
        /// Its number there.
        public let target: CInt

        /// Maps one onto the other.
        public init(_ source: CInt, as target: CInt) {
            self.source = source
            self.target = target
        }
    }

    /// Starts `program` with no signal blocked or ignored and no descriptor but those listed; of
    /// 0, 1 and 2 the missing ones are /dev/null.
    /// - Parameters:
    ///   - arguments: without the program's own name.
    ///   - environment: all of it; nil for ours.
    ///   - newSession: whether it leads a session of its own (setsid(2)).
    /// - Returns: its pid; the caller waits for it.
    public static func start(
        _ program: String, _ arguments: [String], environment: [String]? = nil, descriptors: [Inherited] = [],
        newSession: Bool = false
    ) throws(Errno) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for number in CInt(0)...2 where !descriptors.contains(where: { $0.target == number }) {
            posix_spawn_file_actions_addopen(&actions, number, "/dev/null", number == 0 ? O_RDONLY : O_WRONLY, 0)
        }
        for descriptor in descriptors { posix_spawn_file_actions_adddup2(&actions, descriptor.source, descriptor.target) }
        let highest = max(2, descriptors.map(\.target).max() ?? 2)
        posix_spawn_file_actions_addclosefrom_np(&actions, highest + 1)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (newSession ? POSIX_SPAWN_SETSID : 0)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var pid: pid_t = 0
        let failure = withCStrings([program] + arguments) { argv in
            guard let environment else { return posix_spawn(&pid, program, &actions, &attributes, argv, cais_environ()) }
            return withCStrings(environment) { posix_spawn(&pid, program, &actions, &attributes, argv, $0) }
        }
        guard failure == 0 else { throw Errno(rawValue: failure) }
        return pid
    }

    /// Calls `body` with a null-terminated vector of C strings.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var vector = strings.map { strdup($0) }
        vector.append(nil)
        defer { for string in vector { free(string) } }
        return vector.withUnsafeBufferPointer { buffer in
            // Safe because the vector holds at least its terminator and so has an address.
            body(buffer.baseAddress!)
        }
    }
}
