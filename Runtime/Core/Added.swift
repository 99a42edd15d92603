// Added owns the processes that exec puts into a running container.
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec
import Seccomp

package struct ExecRequest {
    package var process: RuntimeSpec.Process
    package var options: CreateOptions

    /// Pairs them.
    package init(process: RuntimeSpec.Process, options: CreateOptions) {
        self.process = process
        self.options = options
    }
}

/// A process that exec has added; this process is its parent.
package struct AddedProcess: ~Copyable {
    package let pid: pid_t
    package let process: Pidfd
}

extension Container {
    /// The process of the configuration: what an exec without a process file starts from.
    package func configuredProcess() throws(Fault) -> RuntimeSpec.Process {
        try store.configuration(of: record.id).process ?? RuntimeSpec.Process()
    }

    /// Adds a process. When this returns, its program runs.
    package func exec(_ request: ExecRequest) throws(Fault) -> AddedProcess {
        guard let live = try openInit() else { throw Fault(.conflict, "cannot exec in a stopped container") }
        switch live.status {
        case .created, .running: break
        case .paused where request.options.toleratesPaused: break
        case .paused: throw Fault(.conflict, "cannot exec in a paused container (--ignore-paused does it all the same)")
        case .creating, .stopped: throw Fault(.conflict, "cannot exec in a stopped container")
        }
        try Validation.check(request.process)
        let configuration = try store.configuration(of: record.id)
        let memoryPolicy = try MemoryPolicyPlan.make(configuration.linux?.memoryPolicy)
        let ends = try attempt("make handshake socket") { () throws(Errno) in try UnixSocket.pair().split() }
        let console = try request.options.openConsoleSocket(hasTerminal: request.process.terminal ?? false)
        let pidfdSocket = try request.options.connectPidfdSocket()
        let kinds = NamespaceSet(rawValue: record.namespaces)
        let selection = request.options.cgroups.isEmpty ? nil : try CgroupSelection(parsing: request.options.cgroups)
        let manager = try CgroupChoice.open(record.cgroup)
        let entrance = try CgroupChoice.entrance(to: manager, selection)
        let cgroup = entrance.cloneDescriptor
        let filter = try configuration.linux?.seccomp.map { profile throws(Fault) in
            try SeccompFilter.compile(profile, cacheDirectory: store.filterCache)
        }
        // Where the mount namespace is not the container's alone, its root is init's and not the namespace's.
        let root = try record.rootPlace == nil ? nil : attempt("open root") { () throws(Errno) in try live.openRoot().release() }
        // Before the clone, since that may put the process into its cgroup already.
        try Scheduling.keep(to: request.process.execCPUAffinity?.initial, "initial")
        Clone.requireOneThread()
        // Where a cgroup was chosen, only that will do.
        let own = selection == nil ? manager : nil
        let isStaged = kinds.contains(.user) && geteuid() != 0
        var scoreWarning: String?
        let side = isStaged
            ? try cloneThroughStage(request, kinds, live, fork: { () throws(Fault) in try fork(into: cgroup, of: own) }, scoreWarning: &scoreWarning) { () throws(Errno) in try entrance?.enter() }
            : try cloneDirectly(kinds, live, cgroup: cgroup, manager: own)
        guard case .parent(let pid, let pidfd) = side else {
            close(ends.left)
            let added = AddedInit(
                process: request.process, options: request.options, id: record.id, kinds: kinds, isStaged: isStaged,
                scoreWarning: scoreWarning, live: live, root: root, entrance: entrance,
                filter: filter, consoleSocket: console, personality: configuration.linux?.personality,
                memoryPolicy: memoryPolicy,
                socket: HandshakeSocket(descriptor: FileDescriptor(owning: ends.right)))
            added.run()
        }
        close(ends.right)
        if let console { close(console) }
        if let root { close(root) }
        let socket = HandshakeSocket(descriptor: FileDescriptor(owning: ends.left))
        return try settle(AddedProcess(pid: pid, process: Pidfd(owning: pidfd)), socket: socket, request: request, isStaged: isStaged,
            profile: configuration.linux?.seccomp, pidfdSocket: pidfdSocket)
    }

    private func cloneDirectly(
        _ kinds: NamespaceSet, _ live: borrowing LiveInit, cgroup: CInt?, manager: (any CgroupManager)?
    ) throws(Fault) -> Clone.Side {
        try attempt("hide from tracing") { () throws(Errno) in try Identity.setDumpable(false) }
        if kinds.contains(.pid) {
            try attempt("join pid namespace") { () throws(Errno) in try Namespaces.enter(.pid, of: live.process) }
        }
        return try fork(into: cgroup, of: manager)
    }

    private func fork(into cgroup: CInt?, of manager: (any CgroupManager)?) throws(Fault) -> Clone.Side {
        try CgroupChoice.fork(into: cgroup, of: manager, beside: record.initProcess?.pid ?? 0)
    }

    /// Without privileges on the host the container's pid namespace opens only to its user
    /// namespace's root, and what is set by files of the host's /proc is set before either is entered.
    private func cloneThroughStage(
        _ request: ExecRequest, _ kinds: NamespaceSet, _ live: borrowing LiveInit, fork: @escaping () throws(Fault) -> Clone.Side,
        scoreWarning: inout String?, joinCgroup: () throws(Errno) -> Void
    ) throws(Fault) -> Clone.Side {
        var warning: String?
        let isCreated = live.status == .created
        let side = try Stage(namespaces: [], fork: fork).clone { () throws(Fault) in
            if let score = request.process.oomScoreAdj { warning = OOMScore.setOwn(score) }
            try attempt("hide from tracing") { () throws(Errno) in try Identity.setDumpable(false) }
            try attempt("join cgroup", joinCgroup)
            do throws(Errno) { try Namespaces.enter(kinds.intersection([.user, .pid]), of: live.process) } catch {
                let fault = Fault(error, "join the container's user namespace")
                guard isCreated && error == .notPermitted else { throw fault }
                throw Fault(.conflict, "a container that is not started can be entered by root only", errno: error.rawValue, trail: fault.trail)
            }
            try Identity.becomeNamespaceRoot()
        }
        scoreWarning = warning
        return side
    }

    private func settle(
        _ added: consuming AddedProcess, socket: borrowing HandshakeSocket, request: ExecRequest, isStaged: Bool, profile: RuntimeSpec.Linux.Seccomp?,
        pidfdSocket: borrowing FileDescriptor?
    ) throws(Fault) -> AddedProcess {
        do throws(Fault) {
            if let score = request.process.oomScoreAdj, !isStaged { OOMScore.set(score, of: added.pid, journal: journal) }
            if let resctrl = record.resctrl { try Resctrl.join(resctrl, added.pid) }
            try attempt("let the process go on") { () throws(Errno) in try socket.sendProceed() }
            var isReady = false
            while let message = try attempt("hear from the process", { () throws(Errno) in try socket.receive() }) {
                switch message {
                case .warning(let text): journal.write(.warning, text)
                case .failed(let fault), .hookFailed(let fault): throw fault
                case .ready: isReady = true
                case .listener(let number):
                    let listener = FileDescriptor(owning: number)
                    try SeccompAgent.tell(profile, listener: listener, pid: added.pid, state: record.state(status, pid: record.initProcess?.pid))
                case .hooksDue: continue
                }
            }
            guard isReady else { throw Fault(.failed, "the added process ended without a word: \(Creation.describe(Hooks.reap(added.pid)))") }
            if let pidFile = request.options.pidFile { try PIDFile.write(added.pid, to: pidFile) }
            switch pidfdSocket {
            case .some(let socket): try added.process.pass(to: socket, as: "exec")
            case .none: break
            }
            return added
        } catch {
            // By the descriptor: it may have been waited for already, and its number be another's.
            try? added.process.send(signal: SIGKILL)
            _ = Hooks.reap(added.pid)
            throw error
        }
    }
}
