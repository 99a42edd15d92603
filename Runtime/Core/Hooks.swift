// Hooks owns the running of programs at points of a container's life: the state on their
// standard input, a time limit, and their last words when they fail.
import CLinux
import Faults
import Linux
import OCISpec

enum Hooks {
    /// The most bytes of a hook's standard error that an error quotes.
    static let lastWordsBytesMax = 2_048

    /// Runs the hooks of one list in order, and stops at the first that fails.
    /// - Parameter directory: where they run; nil for where this process is. For hooks of the runtime's
    ///   namespaces, and those before the container has a root, that is the bundle, as with the peers.
    static func run(_ hooks: [RuntimeSpec.Hook]?, _ list: String, state: RuntimeState, in directory: String?) throws(Fault) {
        guard let hooks, !hooks.isEmpty else { return }
        let input = try JSON.encode(state)
        for (index, hook) in hooks.enumerated() { try run(hook, "\(list) hook #\(index)", input: input, in: directory) }
    }

    /// Runs the hooks of one list in order, all of them: one that fails is a warning (runtime.md, lifecycle).
    static func runAll(_ hooks: [RuntimeSpec.Hook]?, _ list: String, state: RuntimeState, in directory: String?, journal: Journal) {
        guard let hooks, !hooks.isEmpty else { return }
        for (index, hook) in hooks.enumerated() {
            do throws(Fault) { try run(hook, "\(list) hook #\(index)", input: try JSON.encode(state), in: directory) } catch {
                journal.write(.warning, "\(error)")
            }
        }
    }

    private static func run(_ hook: RuntimeSpec.Hook, _ name: String, input: [UInt8], in directory: String?) throws(Fault) {
        do throws(Fault) { try run(hook, input: input, in: directory) } catch { throw error.within(hook.path).within("error running \(name)") }
    }

    private static func run(_ hook: RuntimeSpec.Hook, input: [UInt8], in directory: String?) throws(Fault) {
        let stdin = try attempt("pipe") { () throws(Errno) in try FileDescriptor.pipe() }
        let stderr = try attempt("pipe") { () throws(Errno) in try FileDescriptor.pipe() }
        let (inputRead, inputWrite) = stdin.split()
        let (errorRead, errorWrite) = stderr.split()
        let side: Clone.Side
        // In the container's namespaces its filter may forbid clone3(2), as engines' do.
        do throws(Errno) { side = try Clone.forkPlain() } catch {
            for end in [inputRead, inputWrite, errorRead, errorWrite] { close(end) }
            throw Fault(error, "fork")
        }
        guard case .parent(let child, let pidfd) = side else { execute(hook, stdin: inputRead, stderr: errorWrite, in: directory) }
        close(inputRead)
        close(errorWrite)
        let process = Pidfd(owning: pidfd)
        var conversation = HookConversation(input: input, inputEnd: inputWrite, errors: errorRead)
        let hasEnded = conversation.goOn(until: process, seconds: hook.timeout)
        conversation.close()
        guard hasEnded else {
            // A hook that was told to end and one that is already gone are the same here.
            try? process.send(signal: SIGKILL)
            _ = reap(child)
            throw Fault(.failed, "hook ran past timeout of \(hook.timeout ?? 0)s")
        }
        let status = reap(child)
        let words = conversation.lastWords
        guard status == .exited(code: 0) else { throw Fault(.failed, describe(status) + (words.isEmpty ? "" : ", stderr: \(words)")) }
    }

    private static func describe(_ status: ExitStatus) -> String {
        switch status {
        case .exited(let code): "exit status \(code)"
        case .signaled(let signal): "killed by signal \(signal)"
        }
    }

    /// In the child: becomes the hook.
    private static func execute(_ hook: RuntimeSpec.Hook, stdin: CInt, stderr: CInt, in directory: String?) -> Never {
        SignalState.reset()
        // A bundle that is gone when poststop hooks run is no reason not to run them.
        if let directory { _ = chdir(directory) }
        let null = cais_open("/dev/null", O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0)  // a FIFO of the image's would be waited for
        dup2(stdin, 0)
        if null >= 0 { dup2(null, 1) }
        dup2(stderr, 2)
        _ = cais_close_range(3, UInt32.max, UInt32(CLOSE_RANGE_CLOEXEC))
        let error = Execution.become(hook.path, arguments: hook.args ?? [hook.path], environment: hook.env ?? [])
        var text = "execute \(hook.path): \(error.sentence)"
        text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
        _exit(127)
    }

    /// Waits for a child's end.
    static func reap(_ child: pid_t) -> ExitStatus {
        var status: CInt = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        return ExitStatus(waitStatus: status)
    }

    private static var errno: CInt { Errno.current.rawValue }
}

/// What the runtime and a hook that runs say to each other: the state to its standard input, as
/// slowly as it reads, and its standard error back. One that reads nothing is within its rights.
private struct HookConversation {
    private var input: ArraySlice<UInt8>
    /// -1 when everything is said or nobody listens.
    private var inputEnd: CInt
    /// -1 when it is closed.
    private var errors: CInt
    private var words: [UInt8] = []

    init(input: [UInt8], inputEnd: CInt, errors: CInt) {
        self.input = input[...]
        self.inputEnd = inputEnd
        self.errors = errors
        _ = cais_fcntl(inputEnd, F_SETFL, Int(O_WRONLY | O_NONBLOCK))
    }

    /// What it said last, as one text.
    var lastWords: String { String(decoding: words, as: UTF8.self).trimmed }

    /// Until the process has ended; false when the time is over.
    mutating func goOn(until process: borrowing Pidfd, seconds: Int?) -> Bool {
        // A hook that ends without having read its state must not end the runtime with it.
        let wasDefault = cais_ignore_pipe_signal() != 0
        defer { if wasDefault { cais_signal_default(SIGPIPE) } }
        let deadline = seconds.map { Clock.milliseconds() + $0 * 1_000 }
        while true {
            var polls = [
                pollfd(fd: process.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
                pollfd(fd: inputEnd, events: Int16(POLLOUT), revents: 0),
            ]
            let left = deadline.map { $0 - Clock.milliseconds() }
            if let left, left <= 0 { return false }
            guard poll(&polls, 3, CInt(clamping: left ?? -1)) > 0 else { continue }
            if polls[2].revents != 0 { speak() }
            if polls[1].revents != 0 { listen() } else if polls[0].revents != 0 { return true }
        }
    }

    private mutating func speak() {
        let sent = input.withUnsafeBytes { write(inputEnd, $0.baseAddress, $0.count) }
        if sent > 0 { input = input.dropFirst(sent) }
        let mayGoOn = sent >= 0 || Errno.current == .again || Errno.current == .interrupted
        if mayGoOn && !input.isEmpty { return }
        CLinux.close(inputEnd)
        inputEnd = -1
    }

    private mutating func listen() {
        var buffer = [UInt8](repeating: 0, count: 1_024)
        let got = read(errors, &buffer, buffer.count)
        if got > 0 { return words += buffer[..<min(got, Hooks.lastWordsBytesMax - words.count)] }
        CLinux.close(errors)
        errors = -1
    }

    mutating func close() {
        for end in [inputEnd, errors] where end >= 0 { CLinux.close(end) }
        (inputEnd, errors) = (-1, -1)
    }
}

extension String {
    /// Without white space at its end.
    fileprivate var trimmed: String {
        var text = Substring(self)
        while let last = text.last, last.isWhitespace || last.isNewline { text.removeLast() }
        return String(text)
    }
}
