import CLinux
import Faults
import Flags
import Lifecycle
import Linux
import OCISpec
import ShimCore
import ShimProtocol

// `run`: with --ready-fd this process becomes the supervisor; without, it starts one beside itself
// and either leaves it (--detach) or stands in front of it.

/// The verb `run`.
enum RunCommand {
    static func run(_ arguments: Arguments) throws(Fault) -> Int32 {
        var options = try self.options(GivenFlags(arguments: arguments))
        if options.readyDescriptor != nil { return try supervise(options) }
        let isDetached = arguments.bool("detach")
        let waits = options.waitsForStart
        if options.isTerminal && !isDetached && !arguments.isSet("stdin") { options.input = "once" }
        options.waitsForStart = true
        let socket = try launch(options, isDetached: isDetached)
        return isDetached ? try leave(options, socket: socket, waits: waits) : try stay(options, socket: socket, waits: waits)
    }

    // MARK: - The supervisor

    /// Supervises by the words of a program; nil where they are a person's.
    static func superviseDirectly(_ words: [String]) throws(Fault) -> Int32? {
        guard let values = SupervisorWords.parse(words) else { return nil }
        do throws(Fault) { return try supervise(try options(values)) } catch {
            // Whoever waits for readiness learns it there, whoever reads standard error there.
            if let ready = values["ready-fd"].flatMap({ Int32($0) }), ready > 2 { refuse(error, on: ready) }
            throw error
        }
    }

    private static func supervise(_ options: ShimOptions) throws(Fault) -> Int32 {
        let ready = options.readyDescriptor ?? -1
        guard ready > 2, cais_fcntl(ready, F_SETFD, Int(FD_CLOEXEC)) == 0 else {
            throw Fault(.invalidArgument, "--ready-fd \(ready) is no open descriptor above 2")
        }
        // Nothing else that the caller had open is ours.
        _ = cais_close_range(3, UInt32(ready) - 1, 0)
        _ = cais_close_range(UInt32(ready) + 1, UInt32.max, 0)
        _ = setsid()
        // What runtime and hooks inherit; the shim gives its own files their modes itself.
        umask(0o022)
        chdir("/")
        let shim: Shim
        do throws(Fault) { shim = try Shim(options) } catch {
            refuse(error, on: ready)
            return error.kind.exitCode
        }
        // From here on the descriptor is the shim's own, and failures are in its records.
        do throws(Fault) { return try shim.run()?.kind.exitCode ?? 0 } catch {
            complain("cais-shim: \(error)")
            return error.kind.exitCode
        }
    }

    /// Says on the readiness descriptor that there will be no container.
    private static func refuse(_ fault: Fault, on ready: CInt) {
        // Nobody may be waiting any more.
        if let line = try? LineCodec.encode(ShimReadiness.failed(WireFault(fault))) { try? FileDescriptor(owning: ready).writeAll(line) }
    }

    // MARK: - In front of it

    /// Starts the supervisor and waits until it has made the container.
    /// - Returns: its socket.
    private static func launch(_ options: ShimOptions, isDetached: Bool) throws(Fault) -> String {
        let answer: [UInt8]
        let words = try self.words(options)
        do {
            let (readEnd, writeEnd) = try FileDescriptor.pipe().split()
            let reading = FileDescriptor(owning: readEnd)
            let writing = FileDescriptor(owning: writeEnd)
            // A supervisor that is left alone must not keep a pipe open that somebody reads to its end.
            let voice: [Spawn.Inherited] = isDetached ? [] : [.init(2, as: 2)]
            _ = try Spawn.start("/proc/self/exe", words, descriptors: voice + [.init(writing.rawValue, as: 3)], newSession: true)
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

    private static func options(_ flags: some RunFlags) throws(Fault) -> ShimOptions {
        guard let given = flags.text("bundle"), !given.isEmpty else { throw Fault(.invalidArgument, "--bundle is needed") }
        let bundle = try Paths.absolute(given)
        let id = flags.text("id") ?? bundle.split(separator: "/").last.map(String.init) ?? ""
        try checkID(id)
        let state = try Paths.absolute(flags.text("state-dir") ?? "/run/cais-shim/\(id)")
        var options = ShimOptions(id: id, bundle: bundle, stateDirectory: state, runtime: try Paths.runtime(flags.text("runtime")))
        if let root = flags.text("runtime-root") { options.runtimeRoot = try Paths.absolute(root) }
        options.log = try log(flags, state: state, id: id)
        options.isTerminal = flags.isOn("tty")
        options.input = flags.text("stdin") ?? options.input
        guard ["none", "once", "open"].contains(options.input) else {
            throw Fault(.invalidArgument, "--stdin is none, once or open, not \(options.input)")
        }
        options.restartPolicy = try RestartPolicy(parsing: flags.text("restart") ?? "no")
        options.healthCheck = try healthCheck(flags)
        options.restartsUnhealthy = flags.isOn("restart-unhealthy")
        guard !options.restartsUnhealthy || options.healthCheck != nil else {
            throw Fault(.invalidArgument, "--restart-unhealthy needs a health check")
        }
        if let name = flags.text("stop-signal") {
            guard let number = SignalNames.number(name) else { throw Fault(.invalidArgument, "--stop-signal: no such signal: \(name)") }
            options.stopSignal = number
        }
        options.stopTimeoutSeconds = try number(flags, "stop-timeout", Int(Int32.min)...Int(Int32.max)) ?? options.stopTimeoutSeconds
        options.stallSeconds = try number(flags, "attach-stall", 1...Int(Int32.max)) ?? options.stallSeconds
        options.waitsForStart = flags.isOn("wait-start")
        options.readyDescriptor = try number(flags, "ready-fd", 3...Int(Int32.max)).map { Int32($0) }
        return options
    }

    private static func healthCheck(_ flags: some RunFlags) throws(Fault) -> HealthCheck? {
        if let text = flags.text("health") {
            let check = try within("--health") { () throws(Fault) in try JSON.decode(HealthCheck.self, from: Array(text.utf8)) }
            let times = [check.intervalMilliseconds, check.timeoutMilliseconds, check.startIntervalMilliseconds, Int64(check.retries)]
            guard !check.command.isEmpty, times.allSatisfy({ $0 > 0 }), check.startPeriodMilliseconds >= 0 else {
                throw Fault(.invalidArgument, "--health needs a command, and times and retries above 0")
            }
            return check
        }
        guard let command = flags.text("health-cmd"), !command.isEmpty else { return nil }
        func milliseconds(_ name: String, least: Int) throws(Fault) -> Int64? {
            try number(flags, name, least...Int(Int32.max)).map { Int64($0) * 1_000 }
        }
        return HealthCheck(
            command: ["/bin/sh", "-c", command], intervalMilliseconds: try milliseconds("health-interval", least: 1),
            timeoutMilliseconds: try milliseconds("health-timeout", least: 1),
            startPeriodMilliseconds: try milliseconds("health-start-period", least: 0),
            startIntervalMilliseconds: try milliseconds("health-start-interval", least: 1),
            retries: try number(flags, "health-retries", 1...Int(Int32.max)))
    }

    private static func number(_ flags: some RunFlags, _ name: String, _ range: ClosedRange<Int>) throws(Fault) -> Int? {
        guard let text = flags.text(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw Fault(.invalidArgument, "--\(name) is a number from \(range.lowerBound) to \(range.upperBound), not \(text)")
        }
        return value
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

    private static func log(_ flags: some RunFlags, state: String, id: String) throws(Fault) -> ShimOptions.Log {
        switch flags.text("log-driver") ?? "json-file" {
        case "none": return .none
        case "json-file":
            let path = try Paths.absolute(flags.text("log") ?? "\(state)/\(id)-json.log")
            let size = try number(flags, "log-max-size", 0...Int.max) ?? Int(ShimOptions.logSizeMaxDefault)
            let files = try number(flags, "log-max-file", 1...1_000) ?? ShimOptions.logFilesMaxDefault
            return .jsonFile(path: path, sizeMax: Int64(size), filesMax: files)
        case let driver: throw Fault(.invalidArgument, "no log driver \(driver); there are json-file and none")
        }
    }

    /// The command line that gives a supervisor these options.
    private static func words(_ options: ShimOptions) throws(Fault) -> [String] {
        var words = [
            "run", "--id", options.id, "--bundle", options.bundle, "--state-dir", options.stateDirectory, "--runtime", options.runtime,
        ]
        if let root = options.runtimeRoot { words += ["--runtime-root", root] }
        switch options.log {
        case .none: words += ["--log-driver", "none"]
        case .jsonFile(let path, let size, let files):
            words += ["--log", path, "--log-max-size", String(size), "--log-max-file", String(files)]
        }
        if options.isTerminal { words.append("--tty") }
        words += ["--stdin", options.input, "--restart", options.restartPolicy.description, "--stop-signal", String(options.stopSignal)]
        words += ["--stop-timeout", String(options.stopTimeoutSeconds), "--attach-stall", String(options.stallSeconds)]
        if let check = options.healthCheck { words += ["--health", String(decoding: try JSON.encode(check), as: UTF8.self)] }
        if options.restartsUnhealthy { words.append("--restart-unhealthy") }
        return words + ["--wait-start", "--ready-fd", "3"]
    }
}

/// The flags of `run` as the command table has read them.
private struct GivenFlags: RunFlags {
    let arguments: Arguments

    func text(_ name: String) -> String? { arguments.optional(name) }
    func isOn(_ name: String) -> Bool { arguments.bool(name) }
}
