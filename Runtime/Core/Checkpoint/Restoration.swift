// Restoration owns the bringing back of a container from images: around criu it is a creation like
// any other, with a name, a cgroup and a record, and the same undoing when a step fails.
//
//     runtime                                     criu, in the container's cgroup
//        |-- fork, enter the cgroup, execute ------->|
//        |                                           | the tree's first process becomes the
//        |                                           | runtime's child (--restore-sibling)
//        |<---------------- pid file, exit code 0 ---| stopped, where there are hooks
//        | hooks, record, pid file, SIGCONT
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec

extension Creation {
    /// Makes the container out of images; after a failure nothing of it is left.
    package func restore(_ restoring: CheckpointOptions) throws(Fault) -> CreatedContainer {
        if plan.spec.process?.terminal ?? false {
            throw Fault(.unsupported, "a container with a terminal cannot be restored: criu's command line does not give the terminal back")
        }
        guard plan.hasOwnTree else { throw Fault(.unsupported, "a container without a mount namespace of its own cannot be restored") }
        guard plan.resctrl == nil, (plan.spec.linux?.netDevices ?? [:]).isEmpty else {
            throw Fault(.unsupported, "a container with intelRdt or netDevices cannot be restored")
        }
        let program = try Criu.find(restoring.program)
        let images = try attempt("open images in \(restoring.imagePath)") { () throws(Errno) in
            guard let resolved = realpath(restoring.imagePath, nil) else { throw Errno.current }
            defer { free(resolved) }
            return String(cString: resolved)
        }
        let streams = try Streams.read(from: images)
        try store.reserve(plan.id)
        let lock = try store.lock(plan.id)
        var undo = Undo(store: store, id: plan.id)
        do throws(Fault) {
            let restored = try restore(restoring, program: program, images: images, streams: streams, undo: &undo)
            _ = consume lock
            return restored
        } catch {
            undo.run(journal: journal)
            throw error
        }
    }

    private func restore(
        _ restoring: CheckpointOptions, program: String, images: String, streams: [Stream], undo: inout Undo
    ) throws(Fault) -> CreatedContainer {
        let cgroup = try CgroupChoice.make(plan.spec, id: plan.id, tolerance: options.cgroupTolerance, journal: journal)
        undo.cgroup = cgroup
        try CgroupDelegation.apply(plan, to: cgroup, journal: journal)
        var record = makeRecord(cgroup: cgroup?.record, resctrl: nil)
        record.isRestored = true
        try store.write(record)
        try store.keep(configuration: configuration, of: plan.id)
        try makeMountPoints()
        let work = try Checkpoint.directory(restoring.workPath ?? store.workDirectory(plan.id))
        let pidfdSocket = try options.connectPidfdSocket()
        let pid = try runCriu(restoring, program: program, images: images, work: work, streams: streams, cgroup: cgroup)
        undo.child = pid
        let process = try attempt("open init") { () throws(Errno) in try Pidfd(pid: pid) }
        undo.record = record
        try runHooks(record, pid: pid)
        let status = try attempt("look at init") { () throws(Errno) in try Procfs.status(of: pid) }
        record.initProcess = .init(pid: pid, startTicks: status.startTicks)
        try store.write(record)
        if let pidFile = options.pidFile { try PIDFile.write(pid, to: pidFile) }
        if let pidfdSocket { try process.pass(to: pidfdSocket, as: "init") }
        try CgroupChoice.complete(plan.spec, cgroup)
        if hasHooks { try letGoOn(cgroup, process) }
        return CreatedContainer(record: record, initProcess: process, initPid: pid)
    }

    // MARK: - Hooks

    private var hasHooks: Bool {
        let hooks = plan.spec.hooks
        return !(hooks?.prestart ?? []).isEmpty || !(hooks?.createRuntime ?? []).isEmpty
    }

    /// Those of the runtime's namespaces, which set up a network; the processes are there and stopped.
    private func runHooks(_ record: ContainerRecord, pid: pid_t) throws(Fault) {
        let state = record.state(.creating, pid: pid)
        try Hooks.run(plan.spec.hooks?.prestart, "prestart", state: state, in: plan.bundle)
        try Hooks.run(plan.spec.hooks?.createRuntime, "createRuntime", state: state, in: plan.bundle)
    }

    private func letGoOn(_ cgroup: (any CgroupManager)?, _ process: borrowing Pidfd) throws(Fault) {
        if let cgroup { return try cgroup.signalAll(SIGCONT) }
        try attempt("let the processes go on") { () throws(Errno) in try process.send(signal: SIGCONT) }
    }

    // MARK: - criu

    /// A root file system that is new may lack the places of mounts, which criu does not make.
    private func makeMountPoints() throws(Fault) {
        let root = try attempt("open root \(plan.rootPath)") { () throws(Errno) in try Files.open(plan.rootPath, flags: O_PATH | O_DIRECTORY) }
        let tree = RootTree(root: root)
        var covered: [String] = []
        for mount in plan.mounts where !covered.contains(where: { mount.destination.hasPrefix($0 + "/") }) {
            covered.append(mount.destination)
            try attempt("make place of \(mount.name)") { () throws(Errno) in _ = try tree.target(mount.destination, isDirectory: try isDirectory(mount)) }
        }
    }

    private func isDirectory(_ mount: PlannedMount) throws(Errno) -> Bool {
        guard case .bind(let path, _) = mount.source else { return true }
        var status = stat()
        try call { stat(path, &status) }
        return status.kind == .directory
    }

    private func runCriu(
        _ restoring: CheckpointOptions, program: String, images: String, work: String, streams: [Stream], cgroup: (any CgroupManager)?
    ) throws(Fault) -> pid_t {
        var externals = CriuPlan.Externals(plan.mounts, cgroup: CgroupView(cgroup?.record))
        externals.resolveSources()
        externals.streams = streams.map(\.name)
        let (root, pidFile) = ("\(work)/root", "\(work)/restored.pid")
        try attempt("make \(root)") { () throws(Errno) in try Files.makeDirectories(root, mode: 0o700) }
        unlink(pidFile)
        let criu = CriuPlan.restore(
            restoring, root: root, images: images, work: work, pidFile: pidFile, isStopped: hasHooks, externals: externals,
            streams: CriuChild.streamNumbers)
        journal.write(.debug, "\(program) \(criu.arguments.joined(separator: " "))")
        let words = try Criu.makeLastWords()
        let replacements = try Streams.replacements(for: streams)
        defer { for number in replacements.values { close(number) } }
        let child = CriuChild(
            program: program, arguments: criu.arguments, root: root, rootfs: plan.rootPath, words: words.rawValue, replacements: replacements)
        let ended = try child.run(in: try cgroup?.entrance())
        rmdir(root)
        try Criu.check(ended, log: "\(work)/restore.log", words: words)
        let bytes = try attempt("read \(pidFile)") { () throws(Errno) in try Files.read(pidFile, limit: 64) }
        guard let pid = pid_t(String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }), pid > 0 else {
            throw Fault(.failed, "criu named no process in \(pidFile)")
        }
        return pid
    }
}

/// The process that becomes criu: in the container's cgroup, where the restored processes are born,
/// and in a mount namespace of its own, where the root file system is a mount as criu wants it.
private struct CriuChild {
    /// Where the caller's standard streams are for criu, which has others itself.
    static let streamNumbers: [CInt] = [3, 4, 5]

    let program: String
    let arguments: [String]
    let root: String
    let rootfs: String
    let words: CInt
    /// Streams that are not the caller's.
    let replacements: [Int: CInt]

    func run(in entrance: consuming CgroupEntrance?) throws(Fault) -> ExitStatus {
        let side = try attempt("fork") { () throws(Errno) in try Clone.fork(namespaces: .mount, into: entrance.cloneDescriptor) }
        guard case .parent(let child, let pidfd) = side else { become(entrance) }
        close(pidfd)
        return Hooks.reap(child)
    }

    private func become(_ entrance: consuming CgroupEntrance?) -> Never {
        do throws(Fault) {
            try attempt("join cgroup") { () throws(Errno) in try entrance?.enter() }
            try attempt("bind \(rootfs) on \(root)") { () throws(Errno) in
                try Mount.change(AT_FDCWD, path: "/", recursive: true, propagation: .slave)
                let tree = try Mount.copy(rootfs, recursive: true)
                try Mount.attach(tree, path: root)
            }
            try attempt("pass descriptors") { () throws(Errno) in try passStreams() }
            SignalState.reset()
            // Started as from a shell: criu wants to know the session of what it restores.
            try attempt("start session") { () throws(Errno) in try Identity.startSession() }
            let environment = ["PATH=\(getenv("PATH").map { String(cString: $0) } ?? Execution.defaultPath)"]
            throw Fault(Execution.become(program, arguments: [program] + arguments, environment: environment), "execute \(program)")
        } catch {
            var text = "Error: \(error)\n"
            text.withUTF8 { _ = write(words, $0.baseAddress, $0.count) }
            _exit(1)
        }
    }

    /// 0 to 2, or what replaces them, to 3 to 5, and in their places nothing and the file for last words.
    private func passStreams() throws(Errno) {
        let kept = FileDescriptor(owning: try call { cais_fcntl(words, F_DUPFD_CLOEXEC, 16) })
        // Out of the way first: one may lie where another is to be.
        var sources: [CInt] = []
        for stream in 0...2 { sources.append(try call { cais_fcntl(replacements[stream] ?? CInt(stream), F_DUPFD_CLOEXEC, 16) }) }
        for (source, number) in zip(sources, CriuChild.streamNumbers) { try call { dup2(source, number) } }
        let null = try Files.open("/dev/null", flags: O_RDWR)
        try call { dup2(null.rawValue, 0) }
        for stream in CInt(1)...2 { try call { dup2(kept.rawValue, stream) } }
        _ = cais_close_range(6, UInt32.max, UInt32(CLOSE_RANGE_CLOEXEC))
    }
}
