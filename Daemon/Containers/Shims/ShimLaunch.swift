// ShimLaunch owns the command line of a shim and the wait for its one ready line.
import CLinux
import Faults
import Lifecycle
import Linux
import OCISpec
import ShimProtocol

/// Everything a shim is told when it is started.
struct ShimLaunch: Sendable {
    /// Where the output goes besides attached clients.
    enum Log: Sendable, Hashable {
        case file(path: String, sizeMax: Int64, filesMax: Int)
        case none
    }
    /// What feeds the standard input.
    enum Stdin: String, Sendable { case none, once, open }

    var program: String
    var id: String
    var bundle: String
    var stateDirectory: String
    var runtime: String
    var runtimeRoot: String
    var log: Log
    var tty: Bool
    var stdin: Stdin
    var restart: RestartPolicy
    var health: HealthCheck?
    var stopSignal: Int32
    var stopTimeoutSeconds: Int

    /// How long a shim may take until the container is made.
    static let readySecondsMax = 120

    /// The command line, without the program's name.
    func arguments() throws(Fault) -> [String] {
        var list = [
            "run", "--id", id, "--bundle", bundle, "--state-dir", stateDirectory, "--runtime", runtime, "--runtime-root", runtimeRoot,
        ]
        switch log {
        case .file(let path, let sizeMax, let filesMax):
            list += ["--log", path, "--log-max-size", String(sizeMax), "--log-max-file", String(filesMax)]
        case .none:
            list += ["--log-driver", "none"]
        }
        if tty { list.append("--tty") }
        if let health { list += ["--health", String(decoding: try JSON.encode(health), as: UTF8.self)] }
        return list + [
            "--stdin", stdin.rawValue, "--restart", restart.description, "--stop-signal", String(stopSignal),
            "--stop-timeout", String(stopTimeoutSeconds), "--wait-start", "--ready-fd", "3",
        ]
    }

    /// Where the shim's own complaints go; read when it fails to say anything else.
    var complaints: String { "\(bundle)/shim.log" }

    /// A shim that was started and has not answered yet.
    struct Spawned: ~Copyable {
        /// Its process, the daemon's child.
        let pid: pid_t
        fileprivate let ready: FileDescriptor
    }

    /// Starts the shim. Blocks a moment.
    func spawn() throws(Fault) -> Spawned {
        let log = try system("open \(complaints)") { () throws(Errno) in
            try Files.open(complaints, flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
        }
        let (readEnd, writeEnd) = try system("make a pipe") { () throws(Errno) in try FileDescriptor.pipe() }.split()
        let ready = FileDescriptor(owning: readEnd)
        defer { close(writeEnd) }
        let child = ChildProcess(program: program, arguments: try arguments(), errors: log.rawValue, third: writeEnd)
        return Spawned(pid: try child.spawn(), ready: ready)
    }

    /// Waits for the ready line and returns the container's first process. Blocks.
    /// - Throws: the fault that the shim reports, or what it complained of when it reported none;
    ///   the shim has been waited for then.
    func waitUntilReady(_ spawned: consuming Spawned) throws(Fault) -> Int32 {
        let pid = spawned.pid
        var buffer = LineBuffer()
        do throws(Fault) {
            while true {
                if let line = try buffer.next() {
                    switch try LineCodec.decode(ShimReadiness.self, from: line) {
                    case .ready(let pid): return pid
                    case .failed(let fault): throw ClientWords.translate(fault.fault)
                    }
                }
                let bytes = try read(spawned.ready)
                guard !bytes.isEmpty else { throw Fault(.failed, "the shim ended before it was ready\(lastComplaint())") }
                buffer.append(bytes)
            }
        } catch {
            ShimLaunch.end(pid)
            throw error
        }
    }

    /// Kills a shim that is the daemon's child, in vain if it has ended by itself, and waits for it.
    static func end(_ pid: pid_t) {
        // A failed shim puts everything away before it ends: it gets the time for that.
        var status: CInt = 0
        for _ in 0..<50 {
            let waited = waitpid(pid, &status, WNOHANG)
            if waited == pid || (waited < 0 && Errno.current != .interrupted) { return }
            usleep(20_000)
        }
        kill(pid, SIGKILL)
        _ = try? ChildProcess.wait(for: pid)  // only to take it off the process table
    }

    private func read(_ ready: borrowing FileDescriptor) throws(Fault) -> [UInt8] {
        let number = ready.rawValue
        var poll = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        let count = try system("wait for the shim") { () throws(Errno) in
            try call { CLinux.poll(&poll, 1, CInt(ShimLaunch.readySecondsMax) * 1_000) }
        }
        guard count > 0 else { throw Fault(.unavailable, "the shim was not ready in \(ShimLaunch.readySecondsMax) seconds") }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let got = try system("read from the shim") { () throws(Errno) in
            try call { bytes.withUnsafeMutableBytes { CLinux.read(number, $0.baseAddress, $0.count) } }
        }
        return Array(bytes[..<got])
    }

    private func lastComplaint() -> String {
        guard let bytes = try? Files.read(complaints, limit: 1 << 20), !bytes.isEmpty else { return "" }  // nothing to quote
        let text = String(decoding: bytes.suffix(1_024), as: UTF8.self)
        guard let line = text.split(separator: "\n").last else { return "" }
        return ": \(line)"
    }
}
