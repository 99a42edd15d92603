// UnpackWorker owns the daemon's side of a worker: starting it with nothing but its descriptors,
// reading its report, and making a fault of whatever ends it early.
import CLinux
import Faults
import Linux
import OCISpec

/// Starts workers. All calls block: on a thread for waiting, never on a task's.
package struct UnpackWorker: Sendable {
    /// The program with the hidden verb `unpack-worker`.
    package let executable: String
    /// The longest line of a report in bytes.
    static let lineBytesMax = 64 << 10

    /// Workers of the program at `executable`; the daemon itself by default.
    package init(executable: String = "/proc/self/exe") { self.executable = executable }

    /// Unpacks the layer in `archive` into `directory`, in a process of its own.
    /// - Throws: what the worker reports; `.failed` for one that ended without a word.
    package func unpackLayer(from archive: borrowing FileDescriptor, into directory: borrowing FileDescriptor) throws(Fault) -> UnpackedLayer {
        var layer: UnpackedLayer?
        try run(.layer, archive: archive.rawValue, directory: directory.rawValue) { (report) throws(Fault) in
            guard case .layer(let value) = report else { throw Fault(.failed, "the worker said something unexpected") }
            layer = value
        }
        guard let layer else { throw Fault(.failed, "the worker unpacked nothing") }
        return layer
    }

    /// Splits the image archive that arrives on `archive` into files of `directory`, each told to `entry`.
    package func split(
        from archive: borrowing FileDescriptor, into directory: borrowing FileDescriptor, entry: (WorkerReport) throws(Fault) -> Void
    ) throws(Fault) -> SplitArchive {
        var finished: SplitArchive?
        try run(.split, archive: archive.rawValue, directory: directory.rawValue) { (report) throws(Fault) in
            if case .finished(let value) = report { finished = value } else { try entry(report) }
        }
        guard let finished else { throw Fault(.failed, "the worker did not reach the archive's end") }
        return finished
    }

    private func run(_ mode: WorkerMode, archive: CInt, directory: CInt, _ report: (WorkerReport) throws(Fault) -> Void) throws(Fault) {
        let pipe = try kernelPipe()
        let (readEnd, writeEnd) = pipe.split()
        let output = FileDescriptor(owning: readEnd)
        let child: pid_t
        do {
            defer { close(writeEnd) }
            child = try spawn(mode, archive: archive, directory: directory, report: writeEnd)
        }
        var failure: Fault?
        do throws(Fault) { try readReports(output.rawValue, report) } catch {
            failure = error
            // It may be in the middle of things and nobody listens any more.
            kill(child, SIGKILL)
        }
        var status: CInt = 0
        let waited = try? call { waitpid(child, &status, 0) }
        if let failure { throw failure }
        guard waited == child else { return }
        let end = ExitStatus(waitStatus: status)
        if end != .exited(code: 0) { throw Fault(.failed, "the worker ended early: \(end)") }
    }

    private func kernelPipe() throws(Fault) -> Linux.Pipe {
        do { return try FileDescriptor.pipe() } catch { throw fault("make a pipe", error) }
    }

    /// Reads lines until the end; an error line becomes a fault.
    private func readReports(_ descriptor: CInt, _ report: (WorkerReport) throws(Fault) -> Void) throws(Fault) {
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let got = try kernel("read the worker's report") { () throws(Errno) in
                try call { buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) } }
            }
            if got == 0 { return }
            pending.append(contentsOf: buffer[..<got])
            while let end = pending.firstIndex(of: 0x0a) {
                let line = Array(pending[..<end])
                pending.removeSubrange(...end)
                let message = try JSON.decode(WorkerReport.self, from: line)
                if case .error(let failure) = message { throw failure.fault }
                try report(message)
            }
            guard pending.count <= UnpackWorker.lineBytesMax else { throw Fault(.failed, "the worker's report has a line without end") }
        }
    }

    /// posix_spawn, since the daemon has many threads: nothing of ours runs between fork and exec.
    private func spawn(_ mode: WorkerMode, archive: CInt, directory: CInt, report: CInt) throws(Fault) -> pid_t {
        // Above the numbers they go to, so that no dup2 overwrites the source of the next.
        var held: [CInt] = []
        defer { for number in held { close(number) } }
        for number in [archive, report, directory] {
            held.append(try kernel("prepare the worker") { () throws(Errno) in try call { cais_fcntl(number, F_DUPFD_CLOEXEC, 10) } })
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, held[0], WorkerDescriptor.archive)
        posix_spawn_file_actions_adddup2(&actions, held[1], WorkerDescriptor.report)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, held[2], WorkerDescriptor.target)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The daemon blocks signals for its own loops; a worker wants the usual ones. Its own
        // process group keeps a Ctrl-C on the daemon's terminal from ending it half way.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        var arguments: [UnsafeMutablePointer<CChar>?] = (["caisd", "unpack-worker", mode.rawValue] as [String]).map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        // No environment: nothing of the daemon's is the worker's business.
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var child: pid_t = 0
        let error = posix_spawn(&child, executable, &actions, &attributes, &arguments, &environment)
        guard error == 0 else { throw fault("start \(executable)", Errno(rawValue: error)) }
        return child
    }
}
