// Creation owns the making of a container up to the point where it waits for start, and the
// undoing of all of it when a step fails.
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec
import Seccomp

/// A container that was made by this process, which is the parent of its init.
package struct CreatedContainer: ~Copyable {
    package let record: ContainerRecord
    package let initProcess: Pidfd
    package let initPid: pid_t
    /// Where its program says that it is ready; only where it runs already and someone wants to know.
    package var notify: NotifySocket?

    /// Takes the socket out.
    package mutating func takeNotifySocket() -> NotifySocket? { notify.take() }
}

package struct Creation {
    let store: StateStore
    let journal: Journal
    let plan: ContainerPlan
    let configuration: [UInt8]
    private(set) var options: CreateOptions

    /// Decides everything that can be decided without doing anything.
    package init(id: String, bundle: Bundle, options: CreateOptions, store: StateStore, journal: Journal) throws(Fault) {
        try Validation.checkID(id)
        self.store = store
        self.journal = journal
        self.options = options
        configuration = bundle.configuration
        var spec = bundle.spec
        if options.notifyAddress != nil { NotifySocket.add(to: &spec, directory: store.notifyDirectory(id)) }
        plan = try ContainerPlan.make(id: id, spec: spec, bundle: bundle.path)
        let hooks = bundle.spec.hooks
        let lists = [hooks?.prestart, hooks?.createRuntime, hooks?.createContainer, hooks?.startContainer]
        self.options.hasHooks = lists.contains { !($0 ?? []).isEmpty }
        try self.options.checkConsole(hasTerminal: plan.spec.process?.terminal ?? false)
    }

    /// Makes the container; after a failure nothing of it is left.
    /// - Parameter waits: whether init waits for start; otherwise the program runs when this returns.
    package func run(waits: Bool) throws(Fault) -> CreatedContainer {
        try store.reserve(plan.id)
        let lock = try store.lock(plan.id)
        var undo = Undo(store: store, id: plan.id)
        do throws(Fault) {
            let created = try makeLocked(waits: waits, undo: &undo, lock: lock.rawValue)
            _ = consume lock
            return created
        } catch {
            let fault = MemoryShortage.explain(error, cgroup: undo.cgroup, memory: plan.spec.linux?.resources?.memory)
            undo.run(journal: journal)
            throw fault
        }
    }

    private func makeLocked(waits: Bool, undo: inout Undo, lock: CInt) throws(Fault) -> CreatedContainer {
        let cgroup = try CgroupChoice.make(
            plan.spec, id: plan.id, tolerance: options.cgroupTolerance, journal: journal)
        undo.cgroup = cgroup
        try CgroupDelegation.apply(plan, to: cgroup, journal: journal)
        let resctrl = try plan.resctrl.map { plan throws(Fault) in try Resctrl.make(plan, in: try Resctrl.mountPoint()) }
        undo.resctrl = resctrl
        var record = makeRecord(cgroup: cgroup?.record, resctrl: resctrl)
        if !plan.hasOwnTree { record.rootPlace = try store.makeRootPlace(plan.id) }
        journal.write(.debug, "cgroup of \(plan.id): \(cgroup?.record.places.map(\.directory).joined(separator: " ") ?? "none")")
        try store.write(record)
        try store.keep(configuration: configuration, of: plan.id)
        let notify = try makeNotifySocket(waits: waits)
        let pidfdSocket = try options.connectPidfdSocket()
        let child = try clone(waits: waits, entrance: try cgroup?.entrance(), record: record, undo: &undo, lock: lock)
        let process = Pidfd(owning: child.pidfd)
        let socket = HandshakeSocket(descriptor: FileDescriptor(owning: child.socket))
        try setUpFromOutside(child.pid, socket: socket, undo: &undo)
        try converse(socket, record: record, child: child.pid, undo: &undo)
        // From here on it is a container, whose end its hooks hear of.
        undo.record = record
        let status = try attempt("look at init") { () throws(Errno) in try Procfs.status(of: child.pid) }
        journal.write(.debug, "init of \(plan.id) is ready: process \(child.pid)")
        record.initProcess = .init(pid: child.pid, startTicks: status.startTicks)
        try store.write(record)
        if let pidFile = options.pidFile { try PIDFile.write(child.pid, to: pidFile) }
        if let pidfdSocket { try process.pass(to: pidfdSocket, as: "init") }
        if !waits {
            // From here on init can be found and killed, which is no failure of the creation: waiting for it tells its end.
            try? socket.sendProceed()
            try awaitProgram(socket)
        }
        try CgroupChoice.complete(plan.spec, cgroup)
        return CreatedContainer(record: record, initProcess: process, initPid: child.pid, notify: notify)
    }

    /// The directory for the program's notifications, and the socket where this process will wait for them.
    private func makeNotifySocket(waits: Bool) throws(Fault) -> NotifySocket? {
        guard let address = options.notifyAddress else { return nil }
        let directory = store.notifyDirectory(plan.id)
        try NotifySocket.makeDirectory(directory)
        return waits ? nil : try NotifySocket(in: directory, managerAddress: address)
    }

    func makeRecord(cgroup: CgroupRecord?, resctrl: ResctrlRecord?) -> ContainerRecord {
        ContainerRecord(
            id: plan.id, ociVersion: plan.spec.ociVersion, bundle: plan.bundle, rootfs: plan.rootPath, created: Clock.timestamp(),
            owner: geteuid() == 0 ? "" : String(geteuid()), annotations: plan.spec.annotations, cgroup: cgroup, resctrl: resctrl,
            poststart: plan.spec.hooks?.poststart, poststop: plan.spec.hooks?.poststop, namespaces: plan.namespaces.all.rawValue,
            sharesPids: plan.namespaces.created.contains(.pid) ? nil : true, initProcess: nil)
    }

    // MARK: - Init

    private struct Child {
        let pid: pid_t
        let pidfd: CInt
        /// The runtime's end of the handshake.
        let socket: CInt
    }

    private func clone(
        waits: Bool, entrance: consuming CgroupEntrance?, record: ContainerRecord, undo: inout Undo, lock: CInt
    ) throws(Fault) -> Child {
        let ends = try attempt("make handshake socket") { () throws(Errno) in try UnixSocket.pair().split() }
        let gate = waits ? try StartGate.make(store.gatePath(plan.id)).release() : -1
        let view = try CgroupView.of(record.cgroup, mounts: plan.mounts)
        let prepared = try prepareTrees(view: view)
        // Nobody could map the ids of one that hides: to others than root its files of /proc are closed.
        let isUnprivileged = plan.namespaces.all.contains(.user) && geteuid() != 0
        let score = isUnprivileged ? plan.spec.process?.oomScoreAdj : nil
        var scoreWarning: String?
        let joined = try openNamespaces()
        let console = try options.openConsoleSocket(hasTerminal: plan.spec.process?.terminal ?? false)
        let filter = try compileFilter()
        // From here to execve(2) nobody in the container may look into what is still the runtime.
        if !isUnprivileged { try attempt("hide from tracing") { () throws(Errno) in try Identity.setDumpable(false) } }
        let birth = Birth(plan: plan.namespaces, joined: joined, cgroup: entrance.cloneDescriptor)
        let side = try birth.clone { () throws(Fault) in
            if let score { scoreWarning = OOMScore.setOwn(score) }
            if isUnprivileged { try attempt("hide from tracing") { () throws(Errno) in try Identity.setDumpable(false) } }
            try attempt("join cgroup") { () throws(Errno) in try entrance?.enter() }
        }
        guard case .parent(let pid, let pidfd) = side else {
            close(ends.left)
            // The lock is the runtime's: held by init too, it would outlive it.
            close(lock)
            ContainerInit.run(
                InitSettings(
                    plan: plan, options: options, socket: HandshakeSocket(descriptor: FileDescriptor(owning: ends.right)),
                    gate: waits ? FileDescriptor(owning: gate) : nil, joined: joined, entrance: entrance,
                    cgroupView: view, prepared: prepared, hidesLate: isUnprivileged, scoreWarning: scoreWarning, filter: filter, consoleSocket: console, record: record))
        }
        undo.child = pid
        for number in [ends.right, gate, console ?? -1] + joined where number >= 0 { close(number) }
        prepared?.closeAll()
        return Child(pid: pid, pidfd: pidfd, socket: ends.left)
    }

    private func openNamespaces() throws(Fault) -> [CInt] {
        var descriptors: [CInt] = []
        for joined in plan.namespaces.joined {
            descriptors.append(
                try attempt("open \(joined.name) namespace \(joined.path)") { () throws(Errno) in try Files.open(joined.path).release() })
            if !plan.sysctls.isEmpty { try plan.checkSysctls(in: descriptors[descriptors.count - 1], joined) }
        }
        return descriptors
    }

    /// nil where only init may make them: without privileges mounts are copied in a user namespace only.
    private func prepareTrees(view: CgroupView?) throws(Fault) -> PreparedTrees? {
        guard plan.namespaces.all.contains(.user) else { return try PreparedTrees.make(plan, view: view) }
        if geteuid() != 0 { return nil }
        do throws(Fault) { return try PreparedTrees.make(plan, view: view) } catch {
            // Root of a namespace around us that does not own these mounts.
            if error.errno == EPERM && Privileges.isNested { return nil }
            throw error
        }
    }

    private func compileFilter() throws(Fault) -> SeccompFilter? {
        guard let profile = plan.spec.linux?.seccomp else { return nil }
        return try SeccompFilter.compile(profile, cacheDirectory: store.filterCache)
    }

    /// What the runtime has the right to do for init, and init in a user namespace has not.
    private func setUpFromOutside(_ pid: pid_t, socket: borrowing HandshakeSocket, undo: inout Undo) throws(Fault) {
        let isUnprivileged = plan.namespaces.all.contains(.user) && geteuid() != 0
        // Else init, or the stage before it, does that for itself.
        if let score = plan.spec.process?.oomScoreAdj, !isUnprivileged { OOMScore.set(score, of: pid, journal: journal) }
        if plan.namespaces.created.contains(.user) {
            try within("map ids of the user namespace") { () throws(Fault) in
                try IDMaps.write(uid: plan.namespaces.uidMap, gid: plan.namespaces.gidMap, of: pid)
            }
        }
        if !plan.netDevices.isEmpty {
            let move = try NetDeviceMove(into: plan.namespaces.path(of: .network) ?? "/proc/\(pid)/ns/net")
            undo.netDevices = move
            for device in plan.netDevices { try move.move(device) }
        }
        if let resctrl = undo.resctrl { try Resctrl.join(resctrl, pid) }
        if plan.waitsForRuntime { try attempt("let init begin") { () throws(Errno) in try socket.sendProceed() } }
    }

    /// Until init is ready.
    private func converse(
        _ socket: borrowing HandshakeSocket, record: ContainerRecord, child: pid_t, undo: inout Undo
    ) throws(Fault) {
        while true {
            guard let message = try attempt("hear from init", { () throws(Errno) in try socket.receive() }) else {
                let end = Hooks.reap(child)
                undo.child = nil
                throw Fault(.failed, "container init ended without a word: \(Creation.describe(end))")
            }
            switch message {
            case .warning(let text): journal.write(.warning, text)
            case .failed(let fault), .hookFailed(let fault): throw fault
            case .ready: return
            case .listener(let number):
                let listener = FileDescriptor(owning: number)
                try SeccompAgent.tell(plan.spec.linux?.seccomp, listener: listener, pid: child, state: record.state(.creating, pid: child))
            case .hooksDue:
                undo.record = record
                let state = record.state(.creating, pid: child)
                try Hooks.run(plan.spec.hooks?.prestart, "prestart", state: state, in: plan.bundle)
                try Hooks.run(plan.spec.hooks?.createRuntime, "createRuntime", state: state, in: plan.bundle)
                try attempt("let init go on") { () throws(Errno) in try socket.sendProceed() }
            }
        }
    }

    /// Without a gate: the end of file is execve(2), anything else its failure.
    private func awaitProgram(_ socket: borrowing HandshakeSocket) throws(Fault) {
        while let message = try attempt("hear from init", { () throws(Errno) in try socket.receive() }) {
            switch message {
            case .warning(let text): journal.write(.warning, text)
            case .failed(let fault), .hookFailed(let fault): throw fault
            case .listener(let number): close(number)
            case .ready, .hooksDue: continue
            }
        }
    }

    static func describe(_ status: ExitStatus) -> String {
        switch status {
        case .exited(let code): "exit code \(code)"
        case .signaled(let signal): "signal \(signal)"
        }
    }
}

/// What a failed creation has to take away again, in reverse order of its making.
struct Undo {
    let store: StateStore
    let id: String
    var cgroup: (any CgroupManager)?
    var resctrl: ResctrlRecord?
    var child: pid_t?
    /// What was moved into the child's network namespace.
    var netDevices: NetDeviceMove?
    /// Set when its hooks have begun, or it was complete: then those for its end are run too
    /// (runtime.md, lifecycle: a hook that fails leads to the steps of delete).
    var record: ContainerRecord?

    init(store: StateStore, id: String) {
        self.store = store
        self.id = id
    }

    /// Never stops at a failure: what cannot be taken away is said, and the rest goes on.
    func run(journal: Journal) {
        netDevices?.giveBack(journal: journal)
        if let child {
            kill(child, SIGKILL)
            _ = Hooks.reap(child)
        }
        do throws(Fault) { try resctrl.map { record throws(Fault) in try Resctrl.remove(record) } } catch { journal.write(.warning, "undo: \(error)") }
        // What init or a hook has started may outlive both.
        do throws(Fault) { try cgroup?.signalAll(SIGKILL) } catch { journal.write(.warning, "undo: \(error)") }
        do throws(Fault) { try cgroup?.remove() } catch { journal.write(.warning, "undo: \(error)") }
        do throws(Fault) { try store.remove(id) } catch { journal.write(.warning, "undo: \(error)") }
        guard let record else { return }
        Hooks.runAll(record.poststop, "poststop", state: record.state(.stopped, pid: nil), in: record.bundle, journal: journal)
    }
}

/// The score by which the kernel chooses whom to kill when memory is out (proc(5), oom_score_adj).
enum OOMScore {
    static func set(_ score: Int, of pid: pid_t, journal: Journal) {
        if let warning = set(score, process: String(pid)) { journal.write(.warning, warning) }
    }

    /// That of this process, which must not hide: its files of /proc would be the host root's.
    /// - Returns: what to warn of; without CAP_SYS_RESOURCE a score cannot fall.
    static func setOwn(_ score: Int) -> String? { set(score, process: "self") }

    private static func set(_ score: Int, process: String) -> String? {
        do throws(Errno) {
            let file = try Files.open("/proc/\(process)/oom_score_adj", flags: O_WRONLY)
            try file.writeAll(String(score).utf8)
            return nil
        } catch { return "set oom_score_adj to \(score): \(error.sentence)" }
    }
}

extension Pidfd {
    /// Sends it to whoever supervises, as `name`.
    func pass(to socket: borrowing FileDescriptor, as name: String) throws(Fault) {
        let number = descriptor.rawValue
        try attempt("send pidfd") { () throws(Errno) in try UnixSocket.send(Array(name.utf8), descriptors: [number], on: socket) }
    }
}

/// The file that tells a caller the pid: complete or absent, never half written.
enum PIDFile {
    static func write(_ pid: pid_t, to path: String) throws(Fault) {
        try attempt("write pid file \(path)") { () throws(Errno) in
            try Files.replace(path, with: String(pid).utf8, mode: 0o644, durable: false)
        }
    }
}
