// Streams owns the shapes of what flows between a client and a container: attach, logs, wait.
import EngineAPI
import Faults
import Linux

/// What a client that attaches wants.
package struct AttachOptions: Sendable, Hashable {
    /// Whether its bytes go to the container.
    package var stdin: Bool
    /// Whether it gets the standard output.
    package var stdout: Bool
    /// Whether it gets the standard error.
    package var stderr: Bool
    /// Whether it gets what is written from now on.
    package var stream: Bool
    /// Whether it gets what was written before.
    package var logs: Bool

    /// Chooses streams.
    package init(stdin: Bool = false, stdout: Bool = false, stderr: Bool = false, stream: Bool = false, logs: Bool = false) {
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.stream = stream
        self.logs = logs
    }
}

/// A client's place at a process: one stream socket. Without a terminal the bytes from it are in
/// docker's frames, with one they are raw; bytes to it are raw always, and a half-close is the end
/// of the standard input. Its end is the end of the process and of its output.
package struct AttachSession: ~Copyable, Sendable {
    /// The stream; whoever takes the session closes it.
    package var stream: FileDescriptor
    /// Whether the process has a terminal.
    package let tty: Bool
    /// Framed output from before, to be sent ahead of the stream; nil where none was asked for.
    package let backlog: AsyncThrowingStream<[UInt8], any Error>?

    init(stream: consuming FileDescriptor, tty: Bool, backlog: AsyncThrowingStream<[UInt8], any Error>? = nil) {
        self.stream = stream
        self.tty = tty
        self.backlog = backlog
    }

    /// Gives the stream's descriptor away: whoever gets it closes it.
    package consuming func takeStream() -> CInt { stream.release() }
}

/// An exec that can be started, and the starting of it: a server tells its client of the stream in
/// between, so that nothing of the process can come before that.
package struct ExecLaunch: Sendable {
    /// Starts it; nil when nobody attaches to it. To be called once.
    /// - Throws: `conflict` when another start was faster, `commandNotFound` and `commandNotExecutable` for its command.
    package let run: @Sendable () async throws(Fault) -> AttachSession?
}

/// What a client wants of a container's log.
package struct LogOptions: Sendable, Hashable {
    /// Whether new lines follow until the container has ended.
    package var follow: Bool
    /// Whether lines of the standard output are wanted.
    package var stdout: Bool
    /// Whether lines of the standard error are wanted.
    package var stderr: Bool
    /// Only lines from this moment on.
    package var since: Timestamp?
    /// Only lines before this moment.
    package var until: Timestamp?
    /// Whether each line begins with its time.
    package var timestamps: Bool
    /// How many of the last lines; nil is all.
    package var tail: Int?

    /// Chooses lines.
    package init(
        follow: Bool = false, stdout: Bool = true, stderr: Bool = true, since: Timestamp? = nil, until: Timestamp? = nil,
        timestamps: Bool = false, tail: Int? = nil
    ) {
        self.follow = follow
        self.stdout = stdout
        self.stderr = stderr
        self.since = since
        self.until = until
        self.timestamps = timestamps
        self.tail = tail
    }
}

/// Containers by state, for `/info`.
package struct ContainerCounts: Sendable, Hashable {
    /// All of them.
    package var total = 0
    /// Those that run.
    package var running = 0
    /// Those that are frozen.
    package var paused = 0
    /// The others.
    package var stopped = 0
}

/// A place in the line of those who wait for a container: registered from when it was given out,
/// given up when nobody holds it any more.
package final class WaitTicket: Sendable {
    private let promise: Promise<WaitResponse>
    private let giveUp: @Sendable () -> Void

    init(_ promise: Promise<WaitResponse>, giveUp: @escaping @Sendable () -> Void) {
        self.promise = promise
        self.giveUp = giveUp
    }

    deinit { giveUp() }

    /// How it ended; nil when the waiting task was cancelled first.
    package func result() async -> WaitResponse? { await promise.value() }
}
