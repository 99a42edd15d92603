// Dispatch owns the way of every verb: global flags, the verb, and one line for what failed.
import Faults
import Flags
import CLinux
import Linux
import RuntimeCore

/// The global flags, read.
struct Settings {
    let store: StateStore
    let journal: Journal
    let cgroupTolerance: CgroupTolerance

    init(_ global: Arguments) throws(Fault) {
        let root = global.isSet("root") ? global.string("root") : try RuntimeRoot.standard()
        guard root.hasPrefix("/") || !root.isEmpty else { throw Fault(.invalidArgument, "--root must not be empty") }
        store = StateStore(root: try Settings.absolute(root))
        guard let format = Journal.Format(rawValue: global.string("log-format")) else {
            throw Fault(.invalidArgument, "invalid log-format: \(global.string("log-format"))")
        }
        do throws(Errno) { journal = try Journal(path: global.optional("log"), format: format, isDebug: global.bool("debug")) } catch {
            throw Fault(.failed, "open log \(global.string("log")): \(error)")
        }
        switch global.string("rootless") {
        case "auto": cgroupTolerance = .unprivileged
        case "true", "True", "TRUE", "t", "T", "1": cgroupTolerance = .always
        case "false", "False", "FALSE", "f", "F", "0": cgroupTolerance = .never
        case let other: throw Fault(.invalidArgument, "invalid --rootless: \"\(other)\" is neither true, false nor auto")
        }
        if global.bool("systemd-cgroup") {
            // What sd_booted(3) looks for.
            let reason = Files.exists("/run/systemd/system") ? "cgroups are made in the file system here, not by systemd" : "no systemd runs on this machine (there is no /run/systemd/system)"
            throw Fault(.unsupported, "--systemd-cgroup cannot be used: \(reason)")
        }
    }

    /// Commands change no directory, but a path in a record must outlive this one.
    private static func absolute(_ path: String) throws(Fault) -> String {
        if path.hasPrefix("/") { return path }
        guard let here = getcwd(nil, 0) else { throw Fault(.failed, "working directory: \(Errno.current)") }
        defer { free(here) }
        return "\(String(cString: here))/\(path)"
    }
}

/// Runs one verb and returns the exit code.
func execute(_ invocation: Invocation) -> Int32 {
    let settings: Settings
    do throws(Fault) { settings = try Settings(invocation.global) } catch { return complain("\(error)", nil, code: 1) }
    settings.journal.write(.debug, "\(invocation.path.joined(separator: " ")) \(invocation.arguments.positional.first ?? "") as process \(getpid()) of user \(geteuid()), state in \(settings.store.root)")
    do throws(Fault) { return try perform(invocation, settings) } catch {
        // exec fails with 255 so that its caller can tell it from the program's own code, as runc's.
        let action = invocation.action(as: Action.self)
        return complain(sentence(error, action), settings.journal, code: action == .exec ? 255 : 1)
    }
}

private func perform(_ invocation: Invocation, _ settings: Settings) throws(Fault) -> Int32 {
    let arguments = invocation.arguments
    switch invocation.action(as: Action.self) {
    case .create: try create(arguments, settings)
    case .start: try Container.start(arguments.positional[0], store: settings.store, journal: settings.journal)
    case .run: return try run(arguments, settings)
    case .state: try printState(arguments, settings)
    case .kill: try sendSignal(arguments, settings)
    case .delete: try delete(arguments, settings)
    case .exec: return try exec(arguments, settings)
    case .list: try list(arguments, settings)
    case .ps: try listProcesses(arguments, settings)
    case .pause: try Container(arguments.positional[0], store: settings.store, journal: settings.journal).pause()
    case .resume: try Container(arguments.positional[0], store: settings.store, journal: settings.journal).resume()
    case .update: try update(arguments, settings)
    case .events: try events(arguments, settings)
    case .spec: try writeSpec(arguments)
    case .features: try printFeatures()
    case .checkpoint: try checkpoint(arguments, invocation.global, settings)
    case .restore: return try restore(arguments, invocation.global, settings)
    }
    return 0
}

/// The verbs that run a program say which of them failed, as runc's do.
private func sentence(_ fault: Fault, _ action: Action) -> String {
    // What is wrong with the request itself is said as it is.
    let isRefusal = fault.kind == .invalidArgument || fault.kind == .conflict || fault.reason == "container does not exist"
    let start = isRefusal ? "" : "unable to start container process: "
    return switch action {
    case .create: "create failed: \(start)\(fault)"
    case .run: "run failed: \(start)\(fault)"
    case .exec: "exec failed: \(start)\(fault)"
    case .start, .state, .kill, .delete, .list, .ps, .pause, .resume, .update, .events, .spec, .features, .checkpoint, .restore: fault.description
    }
}

private func complain(_ message: String, _ journal: Journal?, code: Int32) -> Int32 {
    let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    if let journal, journal.isFile || journal.isJSON { journal.write(.error, line) }
    if let journal, !journal.isFile && journal.isJSON { return code }
    Journal.standardError("cais-runtime: \(line)")
    return code
}

/// Writes manual pages for the packager.
func writePages(_ directory: String, _ pages: [ManualPage]) -> Int32 {
    do throws(Errno) {
        try Files.makeDirectories(directory)
        for page in pages { try Files.replace("\(directory)/\(page.fileName)", with: page.text.utf8, mode: 0o644, durable: false) }
        return 0
    } catch { return complain("write manual pages to \(directory): \(error)", nil, code: 1) }
}
