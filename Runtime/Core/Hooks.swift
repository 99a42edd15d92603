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
        for (index, hook) in hooks.enumerated() {
            try within("error running \(list) hook #\(index) \(hook.path)") { () throws(Fault) in try run(hook, input: input, in: directory) }
        }
    }

    private static func run(_ hook: RuntimeSpec.Hook, input: [UInt8], in directory: String?) throws(Fault) {
        let stdin = try attempt("pipe") { () throws(Errno) in try FileDescriptor.pipe() }
        let stderr = try attempt("pipe") { () throws(Errno) in try FileDescriptor.pipe() }
        let (inputRead, inputWrite) = stdin.split()
        let (errorRead, errorWrite) = stderr.split()
        defer { close(errorRead) }
        let side = try attempt("fork") { () throws(Errno) in try Clone.fork() }
        guard case .parent(let child, let pidfd) = side else { execute(hook, stdin: inputRead, stderr: errorWrite, in: directory) }
        close(inputRead)
        close(errorWrite)
        let process = Pidfd(owning: pidfd)
        feed(input, to: inputWrite)
        let lastWords = listen(errorRead, until: process, seconds: hook.timeout)
        guard let lastWords else {
            // A hook that was told to end and one that is already gone are the same here.
            try? process.send(signal: SIGKILL)
            _ = reap(child)
            throw Fault(.failed, "hook ran past timeout of \(hook.timeout ?? 0)s")
        }
        let status = reap(child)
        guard status == .exited(code: 0) else { throw Fault(.failed, describe(status) + (lastWords.isEmpty ? "" : ", stderr: \(lastWords)")) }
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

    /// Writes the state without waiting for ever: a pipe holds 64 KiB, more than a state has.
    private static func feed(_ input: [UInt8], to descriptor: CInt) {
        let pipe = FileDescriptor(owning: descriptor)
        // A hook that does not read its state has closed the pipe; that is its right.
        try? pipe.setNonBlocking(true)
        try? pipe.writeAll(input)
    }

    /// Collects standard error until the process has ended; nil when the time is over.
    private static func listen(_ descriptor: CInt, until process: borrowing Pidfd, seconds: Int?) -> String? {
        let deadline = seconds.map { Clock.milliseconds() + $0 * 1_000 }
        var words: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1_024)
        var isOpen = true
        while true {
            var polls = [
                pollfd(fd: process.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isOpen ? descriptor : -1, events: Int16(POLLIN), revents: 0),
            ]
            let left = deadline.map { max(0, $0 - Clock.milliseconds()) } ?? -1
            let ready = poll(&polls, 2, CInt(clamping: left))
            if ready == 0 { return nil }
            if polls[1].revents != 0 {
                let got = read(descriptor, &buffer, buffer.count)
                if got <= 0 { isOpen = false } else if words.count < lastWordsBytesMax { words += buffer[..<got] }
            } else if polls[0].revents != 0 {
                return String(decoding: words.prefix(lastWordsBytesMax), as: UTF8.self).trimmed
            }
        }
    }

    /// Waits for a child's end.
    static func reap(_ child: pid_t) -> ExitStatus {
        var status: CInt = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        return ExitStatus(waitStatus: status)
    }

    private static var errno: CInt { Errno.current.rawValue }
}

extension String {
    /// Without white space at its end.
    fileprivate var trimmed: String {
        var text = Substring(self)
        while let last = text.last, last.isWhitespace || last.isNewline { text.removeLast() }
        return String(text)
    }
}
