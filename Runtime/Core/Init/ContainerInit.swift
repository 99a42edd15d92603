// ContainerInit owns the way of the container's first process from clone3(2) to execve(2). It is
// the runtime itself that goes on in the child, so its settings are plain memory: nothing is
// encoded, and nothing is executed again.
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec
import Seccomp

/// All that init needs, made before it was cloned.
struct InitSettings: ~Copyable {
    let plan: ContainerPlan
    let options: CreateOptions
    /// The end of the handshake that is init's.
    let socket: HandshakeSocket
    /// Where it waits for start; nil where it does not wait.
    var gate: FileDescriptor?
    /// Descriptors of the namespaces that are joined, in the plan's order.
    let joined: [CInt]
    /// The way into the container's cgroup.
    let entrance: CgroupEntrance?
    let cgroupView: CgroupView?
    /// nil where only init may make them.
    var prepared: PreparedTrees?
    /// Whether a new user namespace's init can be traced until its ids are mapped, and has to end that itself.
    let hidesLate: Bool
    /// What went wrong before there was anybody to tell.
    let scoreWarning: String?
    let filter: SeccompFilter?
    /// The socket that gets the terminal's master end.
    let consoleSocket: CInt?
    let record: ContainerRecord
}

extension CgroupEntrance? {
    /// The descriptor for clone3(2), where there is one.
    var cloneDescriptor: CInt? {
        switch self {
        case .some(let entrance): entrance.cloneDescriptor
        case .none: nil
        }
    }
}

extension FileDescriptor? {
    /// The number, where there is one.
    fileprivate var rawValue: CInt? {
        switch self {
        case .some(let descriptor): descriptor.rawValue
        case .none: nil
        }
    }
}

struct ContainerInit: ~Copyable {
    private var settings: InitSettings

    /// Goes the whole way. Whatever fails is told to the one who waits, with its step.
    static func run(_ settings: consuming InitSettings) -> Never {
        var container = ContainerInit(settings: settings)
        do throws(Fault) { try container.becomeProgram() } catch { container.tell(.failed(error)) }
        _exit(1)
    }

    /// Says it to the runtime; when that is gone there is nobody to tell.
    private func tell(_ message: InitMessage) { try? settings.socket.send(message) }

    private var plan: ContainerPlan { settings.plan }

    private mutating func becomeProgram() throws(Fault) -> Never {
        let labels = try LabelFiles(plan.spec.process)
        try takeIdentity()
        try enterNamespaces()
        try attempt("start session") { () throws(Errno) in try Identity.startSession() }
        umask(0)
        try nameHost()
        let terminal = try buildTree()
        if let number = terminal.rawValue { try Console.take(number) }
        try finish(labels)
    }

    /// In a new user namespace: waits until ids are mapped, and becomes its root.
    private mutating func takeIdentity() throws(Fault) {
        if plan.namespaces.created.contains(.user) {
            let score = settings.hidesLate ? plan.spec.process?.oomScoreAdj : nil
            if let score, let warning = OOMScore.setOwn(score) { tell(.warning(warning)) }
            try waitForRuntime()
            if settings.hidesLate { try attempt("hide from tracing") { () throws(Errno) in try Identity.setDumpable(false) } }
            // As whom the cgroup was opened for: a mapped root may be another user.
            try joinCgroup()
        } else if plan.waitsForRuntime {
            try waitForRuntime()
        }
        if let warning = settings.scoreWarning { tell(.warning(warning)) }
        if settings.prepared == nil { settings.prepared = try PreparedTrees.make(plan, view: settings.cgroupView) }
        if plan.namespaces.created.contains(.user) { try Identity.becomeNamespaceRoot() }
    }

    private func joinCgroup() throws(Fault) {
        try attempt("join cgroup") { () throws(Errno) in try settings.entrance?.enter() }
    }

    private func waitForRuntime() throws(Fault) {
        let goesOn = try attempt("wait for the runtime") { () throws(Errno) in try settings.socket.waitForProceed() }
        // The runtime was killed: what it made is taken away by delete.
        guard goesOn else { _exit(1) }
    }

    /// Joins the cgroup first, since a cgroup namespace shows its maker's cgroup as the root.
    private func enterNamespaces() throws(Fault) {
        if !plan.namespaces.all.contains(.user) { try joinCgroup() }
        for (joined, number) in zip(plan.namespaces.joined, settings.joined) where joined.kind != .pid {
            // The stage did.
            if joined.kind == .user { continue }
            let descriptor = FileDescriptor(owning: number)
            try attempt("join \(joined.name) namespace \(joined.path)") { () throws(Errno) in
                try Namespaces.enter(descriptor, kind: joined.kind)
            }
        }
        // Every program counts on it, and it can be nothing but its own; as the peers do.
        if plan.namespaces.created.contains(.network) { try attempt("switch lo on") { () throws(Errno) in try Loopback.switchOn() } }
        if plan.namespaces.created.contains(.cgroup) {
            try attempt("make cgroup namespace") { () throws(Errno) in try Namespaces.unshare(.cgroup) }
        }
    }

    private func nameHost() throws(Fault) {
        if let name = plan.spec.hostname, !name.isEmpty {
            try attempt("set hostname \(name)") { () throws(Errno) in try Identity.setHostName(name) }
        }
        if let name = plan.spec.domainname, !name.isEmpty {
            try attempt("set domainname \(name)") { () throws(Errno) in try Identity.setDomainName(name) }
        }
    }

    /// The file tree, the hooks that run before it is the root, and pivot_root.
    private mutating func buildTree() throws(Fault) -> FileDescriptor? {
        let isInUserNamespace = plan.namespaces.all.contains(.user)
        let prepared = settings.prepared ?? PreparedTrees()
        var mounting = Mounting(
            tree: try attachTree(prepared: prepared.root), prepared: prepared, cgroup: settings.cgroupView, isInUserNamespace: isInUserNamespace,
            namespaces: plan.namespaces.all)
        try mounting.mountAll(plan.mounts)
        for note in mounting.notes { tell(.warning(note)) }
        if let devices = plan.devices { try Devices.make(devices, in: mounting.tree, prepared: &mounting.prepared) }
        let terminal = try makeConsole(in: mounting.tree.root)
        if plan.devices != nil, let number = terminal.rawValue { try Console.bind(number, in: mounting.tree) }
        try makeWorkingDirectory(in: mounting.tree)
        try SysctlWriter.write(plan.sysctls, seesHost: plan.namespaces.path(of: .mount) == nil)
        try runHooks()
        try mounting.finish()
        try Masks.protect(plan.readOnlyPaths, in: mounting.tree)
        try Masks.hide(plan.maskedPaths, in: mounting.tree)
        try enter(mounting.tree)
        return terminal
    }

    private func attachTree(prepared: CInt?) throws(Fault) -> RootTree {
        if let place = settings.record.rootPlace { return try RootTree.attach(path: plan.rootPath, at: place) }
        return try RootTree.attach(
            path: plan.rootPath, prepared: prepared,
            propagation: plan.rootPropagation?.propagation == .private ? .private : .slave)
    }

    private func makeConsole(in root: borrowing FileDescriptor) throws(Fault) -> FileDescriptor? {
        guard let process = plan.spec.process, process.terminal ?? false, let socket = settings.consoleSocket else { return nil }
        return try Console.make(root: root, process: process, socket: socket, isForeground: settings.options.consoleDescriptor != nil)
    }

    /// Images often lack the directory their configuration names.
    private func makeWorkingDirectory(in tree: borrowing RootTree) throws(Fault) {
        guard let cwd = plan.spec.process?.cwd, cwd != "/" else { return }
        // A place that cannot be made is reported by chdir(2) later, if it is needed at all.
        _ = try? tree.target(cwd, isDirectory: true)
    }

    private func runHooks() throws(Fault) {
        guard let hooks = plan.spec.hooks else { return }
        if settings.options.hasHooks {
            tell(.hooksDue)
            try waitForRuntime()
        }
        do throws(Fault) {
            try Hooks.run(hooks.createContainer, "createContainer", state: settings.record.state(.creating, pid: getpid()), in: plan.bundle)
        } catch {
            tell(.hookFailed(error))
            _exit(1)
        }
    }

    private func enter(_ tree: borrowing RootTree) throws(Fault) {
        if plan.isRootReadOnly {
            try attempt("make root read-only") { () throws(Errno) in try Mount.change(tree.root.rawValue, set: .readOnly) }
        }
        if !plan.hasOwnTree {
            // Others have their root in this mount namespace.
            try tree.becomeRoot()
        } else if settings.options.noPivot {
            try RootChange.withoutPivot(into: tree)
        } else {
            try RootChange.pivot(into: tree)
        }
        guard let change = plan.rootPropagation, change.propagation != .private else { return }
        try attempt("set rootfsPropagation") { () throws(Errno) in
            try Mount.change(AT_FDCWD, path: "/", recursive: change.recursive, propagation: change.propagation)
        }
    }

    /// Privileges down, then the gate, then the program.
    private mutating func finish(_ labels: consuming LabelFiles) throws(Fault) -> Never {
        guard let process = plan.spec.process else { try waitWithoutProgram() }
        let socket = HandshakeSocket(descriptor: try attempt("dup") { () throws(Errno) in try settings.socket.descriptor.duplicate() })
        var kept = [settings.socket.descriptor.rawValue, socket.descriptor.rawValue]
        if let gate = settings.gate.rawValue { kept.append(gate) }
        let setup = ProcessSetup(
            process: process, filter: settings.filter, passed: settings.options.passed,
            keptDescriptors: kept,
            keyring: settings.options.noNewKeyring ? nil : plan.id, personality: plan.spec.linux?.personality,
            memoryPolicy: plan.memoryPolicy,
            warn: { text in try? socket.send(.warning(text)) /* the runtime is gone: nobody to warn */ })
        SignalState.reset()
        let program = try setup.prepare(labels)
        guard let gate = settings.gate.take() else {
            // The record names this process before anything of the container runs: a signal finds it.
            try reportReady()
            try waitForRuntime()
            // Whoever waits takes the end of file for the program's start.
            try runStartHooks()
            try setup.become(program)
        }
        try reportReady()
        let starter = try attempt("wait for start") { () throws(Errno) in try StartGate.wait(at: gate) }
        do throws(Fault) { try runStartHooks() } catch {
            // As below.
            try? starter.send(.hookFailed(error))
            _exit(1)
        }
        do throws(Fault) { try setup.become(program) } catch {
            // The one who started is the one to tell; if it is gone, the exit code says that it failed.
            try? starter.send(.failed(error))
            _exit(error.kind.exitCode)
        }
    }

    /// An init whose runtime is gone is in no record, so it must not wait for a start that cannot come.
    private func reportReady() throws(Fault) {
        try attempt("report to the runtime") { () throws(Errno) in try settings.socket.send(.ready) }
    }

    private func runStartHooks() throws(Fault) {
        // A listener's courier left it so that ended children vanish, and a hook's end is waited for.
        if settings.filter?.hasListener ?? false, plan.spec.hooks?.startContainer != nil { cais_signal_default(SIGCHLD) }
        try Hooks.run(plan.spec.hooks?.startContainer, "startContainer", state: settings.record.state(.created, pid: getpid()), in: nil)
    }

    /// A container without a process can be created; start then says what is missing.
    private mutating func waitWithoutProgram() throws(Fault) -> Never {
        try reportReady()
        guard let gate = settings.gate.take() else { throw Fault(.invalidArgument, "config.json: process must be specified to start") }
        let starter = try attempt("wait for start") { () throws(Errno) in try StartGate.wait(at: gate) }
        // As above.
        try? starter.send(.failed(Fault(.invalidArgument, "config.json: process must be specified to start")))
        _exit(1)
    }
}
