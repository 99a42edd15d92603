import CLinux
import Faults
import Linux

// RuntimeClient owns the calls of the OCI runtime: its command lines, how long each may take,
// and what its failure means. Calls run as children; nothing here waits.

/// Runs verbs of one runtime for one container.
final class RuntimeClient {
    /// How long a verb may take before the runtime is killed and the call has failed. Hooks run
    /// inside create and start, hence minutes.
    enum Limit {
        static let createMilliseconds: Int64 = 120_000
        static let startMilliseconds: Int64 = 120_000
        static let execMilliseconds: Int64 = 60_000
        static let deleteMilliseconds: Int64 = 60_000
        static let killMilliseconds: Int64 = 10_000
    }

    /// One call.
    struct Invocation {
        /// The verb, also for messages.
        var verb: String
        /// What follows the global options and the verb.
        var arguments: [String]
        /// What becomes its standard streams; what is missing of output is kept for the message.
        var streams: [Spawn.Inherited] = []
        /// How long it may take.
        var limitMilliseconds: Int64
        /// Whether it makes a process that outlives it.
        var makesProcess = false
        /// The command that is to run, for the meaning of a failure.
        var command: String?
    }

    private let path: String
    private let root: String?
    private let stateDirectory: String
    private let loop: EventLoop
    private let reaper: Reaper
    private var calls = 0

    init(path: String, root: String?, stateDirectory: String, loop: EventLoop, reaper: Reaper) {
        self.path = path
        self.root = root
        self.stateDirectory = stateDirectory
        self.loop = loop
        self.reaper = reaper
    }

    /// Starts the call; `done` gets nil for success. It is called from the loop, never from here.
    func call(_ invocation: Invocation, _ done: @escaping (Fault?) -> Void) {
        calls += 1
        let log = "\(stateDirectory)/runtime-\(calls).log"
        let global = (root.map { ["--root", $0] } ?? []) + ["--log", log, "--log-format", "json"]
        let pid: pid_t
        let words: CInt
        do {
            // Memory, not a pipe: nobody has to read it while the runtime runs.
            words = try Linux.call { memfd_create("runtime", UInt32(MFD_CLOEXEC)) }
            var streams = invocation.streams
            for number in CInt(1)...2 where !streams.contains(where: { $0.target == number }) { streams.append(.init(words, as: number)) }
            pid = try Spawn.start(path, global + [invocation.verb] + invocation.arguments, descriptors: streams)
        } catch {
            let fault = Fault(.failed, error.description, errno: error.rawValue, trail: ["run the runtime \(path)"])
            _ = loop.after(0) { done(fault) }
            return
        }
        let output = SharedDescriptor(words)
        watch(pid, invocation, log: log, output, done)
    }

    private func watch(_ pid: pid_t, _ invocation: Invocation, log: String, _ output: SharedDescriptor, _ done: @escaping (Fault?) -> Void)
    {
        var isLate = false
        let alarm = loop.after(invocation.limitMilliseconds) {
            isLate = true
            kill(pid, SIGKILL)
        }
        if invocation.makesProcess { reaper.makerBegan() }
        reaper.expect(pid) { [unowned self] status in
            loop.cancel(alarm)
            let fault: Fault? =
                if isLate {
                    Fault(.failed, "the runtime did not finish \(invocation.verb) within \(invocation.limitMilliseconds / 1_000) s")
                } else if status != .exited(code: 0) {
                    failure(of: invocation, status, log: log, output)
                } else {
                    nil
                }
            _ = unlink(log)
            done(fault)
            if invocation.makesProcess { reaper.makerEnded() }
        }
    }

    private func failure(of invocation: Invocation, _ status: ExitStatus, log: String, _ output: SharedDescriptor) -> Fault {
        // A log that is not there or too long says nothing; the runtime's words may.
        let logged = (try? Files.read(log, limit: 1 << 20)).flatMap(RuntimeFailure.lastError(inLog:))
        let message = logged ?? RuntimeFailure.lastLine(of: output.text(limit: 65_536))
        guard let message else { return Fault(.failed, "the runtime's \(invocation.verb) ended with \(status.words) and said nothing") }
        return Fault(RuntimeFailure.kind(of: message, command: invocation.command), message)
    }
}

/// A descriptor that closures share; closed with the last of them.
final class SharedDescriptor {
    private let descriptor: FileDescriptor

    init(_ owned: CInt) { descriptor = FileDescriptor(owning: owned) }

    /// The file's content from its beginning.
    func text(limit: Int) -> String {
        lseek(descriptor.rawValue, 0, SEEK_SET)
        // What cannot be read is no text.
        return String(decoding: (try? descriptor.readAll(limit: limit)) ?? [], as: UTF8.self)
    }
}

extension ExitStatus {
    /// For messages: `exit code 1`, `signal 9`.
    var words: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .signaled(let signal): "signal \(signal)"
        }
    }
}
