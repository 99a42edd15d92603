// Container owns what can be done to one that exists: start, kill, pause, resume, delete.
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec

package struct Container {
    let store: StateStore
    let journal: Journal
    package let record: ContainerRecord

    /// The container `id`.
    /// - Throws: `.notFound`, `container does not exist`.
    package init(_ id: String, store: StateStore, journal: Journal) throws(Fault) {
        self.store = store
        self.journal = journal
        record = try store.record(id)
    }

    /// The container that was just created.
    package init(_ created: borrowing CreatedContainer, store: StateStore, journal: Journal) {
        self.store = store
        self.journal = journal
        record = created.record
    }

    /// Its cgroup; nil where it has none, or none any more.
    func cgroup() throws(Fault) -> (any CgroupManager)? { try CgroupChoice.open(record.cgroup) }

    /// What the kernel says about it now.
    package var status: RuntimeStatus {
        // A cgroup that cannot be asked is not known to be frozen.
        record.status(isFrozen: { ((try? cgroup()?.isFrozen()) ?? nil) ?? false })
    }

    /// Its processes, as the host sees them.
    package func processes() throws(Fault) -> [pid_t] {
        if let cgroup = try cgroup() { return try cgroup.processes() }
        guard let initProcess = record.initProcess, status != .stopped else { return [] }
        return NamespaceSet(rawValue: record.namespaces).contains(.pid) ? NamespaceMembers.processes(like: initProcess.pid) : [initProcess.pid]
    }

    // MARK: - start

    /// Lets the init of `id` become the program, and runs the poststart hooks.
    package static func start(_ id: String, store: StateStore, journal: Journal) throws(Fault) {
        // What is read before the lock is held may be about another container by the time it is.
        let lock = try store.lock(id)
        let container = try Container(id, store: store, journal: journal)
        let notify = try container.start()
        _ = consume lock
        guard let notify, let pid = container.record.initProcess?.pid else { return }
        // One that has ended already has nothing more to say.
        guard let process = try? Pidfd(pid: pid), container.status != .stopped else { return }
        try notify.waitUntilReady(pid, process)
    }

    private func start() throws(Fault) -> NotifySocket? {
        let status = self.status
        guard status == .created else {
            let what = status == .running ? "already running" : status.rawValue
            throw Fault(.conflict, "cannot start a container that is \(what)")
        }
        let notify = try notifySocket()
        switch try StartGate.open(store.gatePath(record.id), journal: journal) {
        case .runs: unlink(store.gatePath(record.id))
        case .hookFailed(let fault): throw ended(by: fault)
        }
        try runPoststart()
        return notify
    }

    /// The hooks after the program was started. Where one fails, the container is ended and gone, or
    /// the log has a warning, by the version of the specification that its bundle is for.
    package func runPoststart() throws(Fault) {
        guard let hooks = record.poststart, !hooks.isEmpty else { return }
        let state = record.state(.running, pid: record.initProcess?.pid)
        guard SpecVersion(record.ociVersion)?.poststartFailureEnds ?? true else {
            return Hooks.runAll(hooks, "poststart", state: state, in: record.bundle, journal: journal)
        }
        do throws(Fault) { try Hooks.run(hooks, "poststart", state: state, in: record.bundle) } catch { throw ended(by: error) }
    }

    /// Stops the container and takes it away because of `fault`, which is what the caller is told;
    /// what cannot be taken away is in the log, and delete tries again.
    private func ended(by fault: Fault) -> Fault {
        do throws(Fault) {
            try end()
            try destroy()
        } catch { journal.write(.warning, "\(error)") }
        return fault
    }

    // MARK: - kill

    /// Sends a signal to init, or to every process of the container.
    package func signal(_ number: CInt, all: Bool) throws(Fault) {
        if all { return try signalAll(number) }
        guard let live = try openInit() else { throw Fault(.conflict, "container not running", errno: ESRCH) }
        do throws(Errno) { try live.process.send(signal: number) } catch {
            if error == .noProcess { throw Fault(.conflict, "container not running", errno: ESRCH) }
            throw Fault(error, "signal init")
        }
        guard number == SIGKILL else { return }
        // Where no pid namespace ends with init, the others are ended here; and what cgroup v1 has
        // frozen dies only when it is let go.
        if record.sharesPids == true { try cgroup()?.signalAll(number) } else if live.status == .paused { try cgroup()?.thaw() }
    }

    private func signalAll(_ number: CInt) throws(Fault) {
        guard let cgroup = try cgroup() else {
            if record.cgroup != nil { return }
            try signal(number, all: false)
            // A process that is gone already is what was wanted.
            for pid in try processes() where pid != record.initProcess?.pid { _ = CLinux.kill(pid, number) }
            return
        }
        try cgroup.signalAll(number)
    }

    // MARK: - pause

    /// Freezes every process.
    package func pause() throws(Fault) {
        switch status {
        case .created, .running: break
        case .creating, .stopped, .paused: throw Fault(.conflict, "container not running")
        }
        guard let cgroup = try cgroup() else { throw Fault(.unsupported, "pause needs a cgroup") }
        try cgroup.freeze()
    }

    /// Lets them go on.
    package func resume() throws(Fault) {
        guard status == .paused else { throw Fault(.conflict, "container not paused") }
        try cgroup()?.thaw()
    }

    // MARK: - delete

    /// How long a killed container may take to end, in milliseconds.
    static let killWaitMillisecondsMax = 10_000

    /// Takes away all that create made. One that has not stopped needs `force` (runtime.md, delete:
    /// "attempting to delete a container that is not stopped MUST … generate an error").
    package static func delete(_ id: String, force: Bool, store: StateStore, journal: Journal) throws(Fault) {
        try Validation.checkID(id)
        let lock: FileDescriptor
        do throws(Fault) { lock = try store.lock(id) } catch {
            if force && error.kind == .notFound { return }
            throw error
        }
        let container: Container
        do throws(Fault) { container = try Container(id, store: store, journal: journal) } catch {
            guard force else { throw error }
            // What a killed create left: a name with no record, or a damaged one.
            store.endRemains(of: id, journal: journal)
            return try store.remove(id)
        }
        try container.delete(force: force)
        _ = consume lock
    }

    private func delete(force: Bool) throws(Fault) {
        let status = self.status
        switch status {
        case .stopped: break
        case .creating, .created, .running, .paused:
            guard force else {
                throw Fault(.conflict, "cannot delete container \(record.id) that is not stopped: \(status.rawValue)")
            }
            try end()
        }
        try destroy()
    }

    /// Kills everything in the container and waits until init is gone.
    private func end() throws(Fault) {
        var failure: Fault?
        do throws(Fault) { try cgroup()?.signalAll(SIGKILL) } catch { failure = error }
        try endInit()
        if let failure { throw failure }
    }

    private func endInit() throws(Fault) {
        guard let live = try openInit() else { return }
        do throws(Errno) {
            try live.process.send(signal: SIGKILL)
            var poll = pollfd(fd: live.process.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
            let ready = try call { CLinux.poll(&poll, 1, CInt(Container.killWaitMillisecondsMax)) }
            if ready == 0 { throw Errno.busy }
        } catch {
            if error == .noProcess { return }
            throw Fault(error, "kill init")
        }
    }

    /// What the one who waited for its end takes away, if nobody has done so meanwhile.
    package func destroyAfterEnd() throws(Fault) {
        do throws(Fault) { try destroyIfStillThere() } catch {
            if error.kind != .notFound { throw error }
        }
    }

    private func destroyIfStillThere() throws(Fault) {
        let lock = try store.lock(record.id)
        // Another container may have the name by now.
        if try store.record(record.id).initProcess == record.initProcess { try destroy() }
        _ = consume lock
    }

    /// The undoing of create, and when that is done the poststop hooks, which can only warn. Beneath the lock.
    func destroy() throws(Fault) {
        var failure: Fault?
        do throws(Fault) { try cgroup()?.signalAll(SIGKILL) } catch { failure = error }
        do throws(Fault) { try cgroup()?.remove() } catch { failure = failure ?? error }
        do throws(Fault) { try record.resctrl.map { group throws(Fault) in try Resctrl.remove(group) } } catch { failure = failure ?? error }
        if let failure { throw failure }
        try store.remove(record.id)
        Hooks.runAll(record.poststop, "poststop", state: record.state(.stopped, pid: nil), in: record.bundle, journal: journal)
    }
}
