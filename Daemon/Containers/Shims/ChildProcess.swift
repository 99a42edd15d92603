// ChildProcess owns how the daemon starts other programs: posix_spawn(3), because between fork and
// exec of a process with many threads nothing but async-signal-safe code may run.
import CLinux
import Faults
import Linux

/// A program that the daemon starts, and how it sees the world.
struct ChildProcess: Sendable {
    /// The program's file.
    var program: String
    /// Its arguments, its own name not included.
    var arguments: [String]
    /// Its environment; the daemon's own is not inherited (it may hold proxies, sockets, secrets).
    var environment: [String] = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    /// The descriptor that becomes its standard output; /dev/null where nil.
    var output: CInt?
    /// The descriptor that becomes its standard error; /dev/null where nil.
    var errors: CInt?
    /// The descriptor that becomes number 3, as `--ready-fd 3` wants.
    var third: CInt?

    /// Starts it in a session of its own, with no signal blocked or ignored and no other descriptor
    /// open. Whoever calls this waits for it.
    func spawn() throws(Fault) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        add(output, as: 1, to: &actions)
        add(errors, as: 2, to: &actions)
        if let third { posix_spawn_file_actions_adddup2(&actions, third, 3) }
        posix_spawn_file_actions_addclosefrom_np(&actions, third == nil ? 3 : 4)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var pid: pid_t = 0
        let error = withCStrings([program] + arguments) { argv in
            withCStrings(environment) { envp in posix_spawn(&pid, program, &actions, &attributes, argv, envp) }
        }
        guard error == 0 else {
            throw Fault(.failed, Errno(rawValue: error).description, errno: error, trail: ["start \(program)"])
        }
        return pid
    }

    /// Starts it, waits for its end, and returns how it ended with what it wrote to standard error.
    /// Blocks.
    func run() throws(Fault) -> (status: ExitStatus, errors: String) {
        let (readEnd, writeEnd) = try system("make a pipe") { () throws(Errno) in try FileDescriptor.pipe() }.split()
        let reader = FileDescriptor(owning: readEnd)
        let pid: pid_t
        do {
            defer { close(writeEnd) }
            var child = self
            child.errors = writeEnd
            pid = try child.spawn()
        }
        let text = (try? reader.readAll(limit: 64 << 10)) ?? []  // the exit status is what counts
        let status = try system("wait for \(program)") { () throws(Errno) in try ChildProcess.wait(for: pid) }
        return (status, String(decoding: text, as: UTF8.self))
    }

    /// Waits for the end of a child and takes it off the process table. Blocks.
    static func wait(for pid: pid_t) throws(Errno) -> ExitStatus {
        var status: CInt = 0
        try call { waitpid(pid, &status, 0) }
        return ExitStatus(waitStatus: status)
    }

    private func add(_ descriptor: CInt?, as number: CInt, to actions: inout posix_spawn_file_actions_t) {
        if let descriptor {
            posix_spawn_file_actions_adddup2(&actions, descriptor, number)
        } else {
            posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_WRONLY, 0)
        }
    }

    /// Calls `body` with a vector of C strings that ends with nil.
    private func withCStrings<R>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> R) -> R {
        let pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }
}
