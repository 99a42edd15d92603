// checkpoint and restore: to disk and back, by criu.
import Faults
import Flags
import OCISpec
import RuntimeCore

extension CheckpointOptions {
    /// The flags that both verbs have.
    init(_ arguments: Arguments, _ global: Arguments) throws(Fault) {
        self.init()
        if arguments.isSet("lazy-pages") { throw Fault(.unsupported, "--lazy-pages is not supported") }
        program = global.string("criu")
        imagePath = arguments.string("image-path")
        workPath = arguments.optional("work-path")
        hasTCPConnections = arguments.bool("tcp-established")
        hasExternalUnixSockets = arguments.bool("ext-unix-sk")
        isShellJob = arguments.bool("shell-job")
        hasFileLocks = arguments.bool("file-locks")
        savesRoom = arguments.bool("auto-dedup")
        guard let mode = CgroupsMode(rawValue: arguments.string("manage-cgroups-mode")) else {
            throw Fault(.invalidArgument, "invalid --manage-cgroups-mode \"\(arguments.string("manage-cgroups-mode"))\": soft, full, strict or ignore")
        }
        cgroupsMode = mode
        for name in arguments.strings("empty-ns") {
            guard name == "network" else { throw Fault(.invalidArgument, "invalid --empty-ns \"\(name)\": only network can be left empty") }
            hasEmptyNetwork = true
        }
    }
}

func checkpoint(_ arguments: Arguments, _ global: Arguments, _ settings: Settings) throws(Fault) {
    var options = try CheckpointOptions(arguments, global)
    if arguments.isSet("status-fd") { throw Fault(.unsupported, "--status-fd is not supported") }
    options.parentPath = arguments.optional("parent-path")
    options.leavesRunning = arguments.bool("leave-running")
    options.isPreDump = arguments.bool("pre-dump")
    options.skipsTCPInFlight = arguments.bool("tcp-skip-in-flight")
    options.linksRemoved = arguments.bool("link-remap")
    if let server = arguments.optional("page-server") {
        guard let colon = server.lastIndex(of: ":"), let port = UInt16(server[server.index(after: colon)...]), colon != server.startIndex else {
            throw Fault(.invalidArgument, "invalid --page-server \"\(server)\": ADDRESS:PORT is needed")
        }
        options.pageServer = (String(server[..<colon]), String(port))
    }
    try Container.checkpoint(arguments.positional[0], options, store: settings.store, journal: settings.journal)
}

func restore(_ arguments: Arguments, _ global: Arguments, _ settings: Settings) throws(Fault) -> Int32 {
    let restoring = try CheckpointOptions(arguments, global)
    for name in ["no-pivot", "console-socket", "lsm-profile", "lsm-mount-context"] where arguments.isSet(name) {
        throw Fault(.unsupported, "restore --\(name) is not supported")
    }
    let bundle = try Bundle(path: arguments.optional("bundle") ?? ".")
    var options = CreateOptions()
    options.pidFile = arguments.optional("pid-file")
    options.pidfdSocketPath = arguments.optional("pidfd-socket")
    options.cgroupTolerance = settings.cgroupTolerance
    let id = arguments.positional[0]
    if arguments.bool("detach") {
        let creation = try Creation(id: id, bundle: bundle, options: options, store: settings.store, journal: settings.journal)
        _ = try creation.restore(restoring)
        return 0
    }
    let foreground = try Foreground(hasTerminal: false, console: &options.consoleDescriptor, isSubreaper: !arguments.bool("no-subreaper"))
    let creation = try Creation(id: id, bundle: bundle, options: options, store: settings.store, journal: settings.journal)
    let restored = try creation.restore(restoring)
    let status = try foreground.wait(for: restored.initPid, restored.initProcess)
    try Container(id, store: settings.store, journal: settings.journal).destroyAfterEnd()
    return status.shellCode
}
