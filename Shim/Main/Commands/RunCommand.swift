import CLinux
import Faults
import Flags
import Lifecycle
import Linux
import ShimCore
import ShimProtocol

// `run`: with --ready-fd this process becomes the supervisor; without, it starts one beside itself
// and either leaves it (--detach) or stands in front of it.

/// The verb `run`.
enum RunCommand {
    static func run(_ arguments: Arguments) throws(Fault) -> Int32 {
        var options = try self.options(arguments)
        if options.readyDescriptor != nil { return try supervise(options) }
        let isDetached = arguments.bool("detach")
        let waits = options.waitsForStart
        if options.isTerminal && !isDetached && !arguments.isSet("stdin") { options.input = "once" }
        options.waitsForStart = true
        let socket = try launch(options)
        return isDetached ? try leave(options, socket: socket, waits: waits) : try stay(options, socket: socket, waits: waits)
    }

    // MARK: - The supervisor

    private static func supervise(_ options: ShimOptions) throws(Fault) -> Int32 {
        let ready = options.readyDescriptor ?? -1
        guard ready > 2, cais_fcntl(ready, F_SETFD, Int(FD_CLOEXEC)) == 0 else {
            throw Fault(.invalidArgument, "--ready-fd \(ready) is no open descriptor above 2")
        }
        // Nothing else that the caller had open is ours.
        _ = cais_close_range(3, UInt32(ready) - 1, 0)
        _ = cais_close_range(UInt32(ready) + 1, UInt32.max, 0)
        _ = setsid()
        umask(0o077)
        chdir("/")
        let shim: Shim
        do throws(Fault) { shim = try Shim(options) } catch {
            let line = try LineCodec.encode(ShimReadiness.failed(WireFault(error)))
            // Nobody may be waiting any more.
            try? FileDescriptor(owning: ready).writeAll(line)
            return error.kind.exitCode
        }
        return try shim.run()?.kind.exitCode ?? 0
    }

    // MARK: - In front of it

    /// Starts the supervisor and waits until it has made the container.
    /// - Returns: its socket.
    private static func launch(_ options: ShimOptions) throws(Fault) -> String {
        let answer: [UInt8]
        do {
            let (readEnd, writeEnd) = try FileDescriptor.pipe().split()
            let reading = FileDescriptor(owning: readEnd)
            let writing = FileDescriptor(owning: writeEnd)
            _ = try Spawn.start("/proc/self/exe", words(options), descriptors: [.init(2, as: 2), .init(writing.rawValue, as: 3)], newSession: true)
            close(writing.release())
            answer = try reading.readAll(limit: LineCodec.lineBytesMax)
        } catch { throw Fault(.failed, error.description, errno: error.rawValue, trail: ["start the supervisor"]) }
        guard !answer.isEmpty else { throw Fault(.failed, "the supervisor ended before the container was made") }
        switch try LineCodec.decode(ShimReadiness.self, from: answer) {
        case .ready: return "\(options.stateDirectory)/\(ShimFile.socket)"
        case .failed(let fault): throw fault.fault
        }
    }

    private static func leave(_ options: ShimOptions, socket: String, waits: Bool) throws(Fault) -> Int32 {
        if !waits {
            let client = try ShimClient(socket)
            try client.ask(.start)
        }
        Output.put(options.id + "\n")
        Output.put(socket + "\n")
        return 0
    }

    private static func stay(_ options: ShimOptions, socket: String, waits: Bool) throws(Fault) -> Int32 {
        let client = try ShimClient(socket)
        let session = try Session(client, exec: nil, isTerminal: options.isTerminal, keys: .controlPQ, followsRestarts: true)
        try client.ask(.subscribe)
        try session.attach(stdin: options.input != "none")
        if !waits { try client.ask(.start) }
        return try session.run()
    }

    // MARK: - Options

    private static func options(_ arguments: Arguments) throws(Fault) -> ShimOptions {
        let given = arguments.string("bundle")
        guard !given.isEmpty else { throw Fault(.invalidArgument, "--bundle is needed") }
        let bundle = try Paths.absolute(given)
        let id = arguments.optional("id") ?? bundle.split(separator: "/").last.map(String.init) ?? ""
        try checkID(id)
        let state = try Paths.absolute(arguments.optional("state-dir") ?? "/run/cais-shim/\(id)")
        var options = ShimOptions(id: id, bundle: bundle, stateDirectory: state, runtime: try Paths.runtime(arguments.optional("runtime")))
        options.runtimeRoot = try arguments.optional("runtime-root").map { path throws(Fault) in try Paths.absolute(path) }
        options.log = try log(arguments, state: state, id: id)
        options.isTerminal = arguments.bool("tty")
        options.input = arguments.optional("stdin") ?? "none"
        guard ["none", "once", "open"].contains(options.input) else {
            throw Fault(.invalidArgument, "--stdin is none, once or open, not \(options.input)")
        }
        options.restartPolicy = try RestartPolicy(parsing: arguments.string("restart"))
        options.stopSignal = SignalNames.number(arguments.string("stop-signal")) ?? SIGTERM
        options.stopTimeoutSeconds = arguments.int("stop-timeout") ?? options.stopTimeoutSeconds
        options.stallSeconds = max(1, arguments.int("attach-stall") ?? options.stallSeconds)
        options.waitsForStart = arguments.bool("wait-start")
        options.readyDescriptor = arguments.int("ready-fd").map(Int32.init(clamping:))
        return options
    }

    /// The ID becomes a file's name.
    private static func checkID(_ id: String) throws(Fault) {
        let allowed = id.utf8.allSatisfy { byte in
            switch UnicodeScalar(byte) {
            case "a"..."z", "A"..."Z", "0"..."9", "_", ".", "-", "+": true
            default: false
            }
        }
        guard allowed, !id.isEmpty, id.utf8.count <= 255, !id.hasPrefix(".") else {
            throw Fault(.invalidArgument, "an ID has letters, digits and _ . - + and begins with no dot: \(id)")
        }
    }

    private static func log(_ arguments: Arguments, state: String, id: String) throws(Fault) -> ShimOptions.Log {
        switch arguments.string("log-driver") {
        case "none": return .none
        case "json-file":
            let path = try Paths.absolute(arguments.optional("log") ?? "\(state)/\(id)-json.log")
            let size = arguments.int("log-max-size") ?? Int(ShimOptions.logSizeMaxDefault)
            let files = arguments.int("log-max-file") ?? ShimOptions.logFilesMaxDefault
            guard size >= 0, (1...1_000).contains(files) else {
                throw Fault(.invalidArgument, "--log-max-size is 0 or more, --log-max-file 1 to 1000")
            }
            return .jsonFile(path: path, sizeMax: Int64(size), filesMax: files)
        case let driver: throw Fault(.invalidArgument, "no log driver \(driver); there are json-file and none")
        }
    }

    /// The command line that gives a supervisor these options.
    private static func words(_ options: ShimOptions) -> [String] {
        var words = ["run", "--id", options.id, "--bundle", options.bundle, "--state-dir", options.stateDirectory, "--runtime", options.runtime]
        if let root = options.runtimeRoot { words += ["--runtime-root", root] }
        switch options.log {
        case .none: words += ["--log-driver", "none"]
        case .jsonFile(let path, let size, let files): words += ["--log", path, "--log-max-size", String(size), "--log-max-file", String(files)]
        }
        if options.isTerminal { words.append("--tty") }
        words += ["--stdin", options.input, "--restart", options.restartPolicy.description, "--stop-signal", String(options.stopSignal)]
        words += ["--stop-timeout", String(options.stopTimeoutSeconds), "--attach-stall", String(options.stallSeconds)]
        return words + ["--wait-start", "--ready-fd", "3"]
    }
}
