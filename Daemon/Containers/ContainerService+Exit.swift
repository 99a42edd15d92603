// Exit: what shims tell, and how the end of a run is put away.
import EngineAPI
import Faults
import Lifecycle
import Linux
import OCISpec
import ShimProtocol

extension ContainerService {
    /// Takes an event of a container's shim, as a command of its mailbox.
    func heard(_ event: ShimEvent, of container: Container, _ generation: UInt64) async {
        guard container.generation == generation else { return }
        switch event {
        case .started(let started): await heardStarted(started, of: container)
        case .exited(let exited) where exited.willRestart: await heardRestart(exited.exit, of: container)
        case .exited(let exited): await finishRun(container, Ended(exited.exit))
        case .restarting: break  // `started` follows, or `exited` when it cannot be made again
        case .execStarted(let started):
            _ = container.updateExec(started.exec) { $0.phase = .running(pid: Int(started.pid)) }
        case .execExited(let exited): heardExecExit(exited, of: container)
        case .oom: publish("oom", container.record)
        case .health(let report): heardHealth(report, of: container)
        }
    }

    /// Only published: the shim keeps it too, and says it again to an engine that comes back.
    private func heardHealth(_ report: HealthReport, of container: Container) {
        var record = container.record
        let before = record.health?.status
        record.health = report
        container.publish(record)
        guard report.status != before, report.status != .starting else { return }
        publish("health_status: \(report.status.rawValue)", record)
    }

    private func heardStarted(_ started: ShimEvent.Started, of container: Container) async {
        guard case .restarting = container.record.phase else { return }  // the start command has noted the first one
        await note(container) { record in
            record.phase = .running(pid: Int(started.pid), startedAt: started.startedAt)
            record.restartCount += 1
        }
        publish("start", container.record)
    }

    private func heardRestart(_ exit: ExitRecord, of container: Container) async {
        guard container.record.isRunning else { return }
        let ended = Ended(exit)
        await note(container) { record in
            record.phase = .restarting(ended)
            record.health?.status = .unhealthy
            record.restartCount = exit.restartCount
        }
        endExecs(of: container)
        publish("die", container.record, dieAttributes(ended))
        container.tellExit()
    }

    private func heardExecExit(_ exited: ShimEvent.ExecExited, of container: Container) {
        let exec = container.updateExec(exited.exec) { $0.phase = .ended(exitCode: Int(exited.exitCode)) }
        guard exec != nil else { return }
        publish("exec_die", container.record, ["execID": exited.exec, "exitCode": String(exited.exitCode)])
    }

    /// The shim has closed its connection: after its last event, or because it died.
    func shimEnded(_ container: Container, _ generation: UInt64) async {
        guard container.generation == generation else { return }
        switch container.record.phase {
        case .running, .restarting: await finishRun(container, await endWithoutEvent(container))
        case .creating, .created, .starting, .exited, .removing: container.disconnected()
        }
    }

    /// How a run ended whose shim told nobody: by its exit record or, where the shim itself was
    /// killed, by putting an end to what it left.
    func endWithoutEvent(_ container: Container) async -> Ended {
        if let record = await exitRecord(container.id) { return Ended(record) }
        await deleteTask(container.record)
        let startedAt: Lifecycle.Timestamp? = if case .running(_, let startedAt) = container.record.phase { startedAt } else { nil }
        return Ended(
            exitCode: 255, startedAt: startedAt, finishedAt: .now(), error: "the container's shim ended without a word; its processes were killed")
    }

    /// The final exit record of a container's shim; nil where there is none that can be read.
    func exitRecord(_ id: ContainerID) async -> ExitRecord? {
        let path = "\(configuration.shimDirectory(id.text))/\(ShimFile.exit)"
        return try? await blocking { () throws(Fault) in  // a missing or damaged one says nothing
            let bytes = try system("read \(path)") { () throws(Errno) in try Files.read(path, limit: 1 << 20) }
            return try JSON.decode(ExitRecord.self, from: bytes)
        }
    }

    /// Puts away what a run needed, remembers how it ended, and tells everybody. Goes on past
    /// failures; each step may have been done before, by an engine that was killed in the middle.
    func finishRun(_ container: Container, _ ended: Ended) async {
        let id = container.id
        container.disconnected()
        await reapShim(container)
        await attempt("the network of an ended container could not be taken away", id) { [self] () async throws(Fault) in
            try await networks.disconnect(id)
        }
        CrashPoint.exitNetwork.pass()
        await attempt("the file system of an ended container could not be unmounted", id) { [self] () async throws(Fault) in
            try await images.unmountRootfs(at: configuration.rootfs(id.text))
        }
        CrashPoint.exitUnmount.pass()
        await note(container) { record in
            record.phase = .exited(ended)
            // Docker calls what is no longer looked at unhealthy.
            record.health?.status = .unhealthy
        }
        await keepCopy(container.record)
        CrashPoint.exitRecord.pass()
        await attempt("the bundle of an ended container could not be removed", id) { [self] () async throws(Fault) in
            try await removeBundle(id)
        }
        CrashPoint.exitDone.pass()
        endExecs(of: container)
        publish("die", container.record, dieAttributes(ended))
        container.tellExit()
        if container.record.hostConfig.autoRemove {
            await attempt("an ended container could not be removed", id) { [self] () async throws(Fault) in try await removeNow(container) }
        }
        container.tellResting()
    }

    /// Runs a step whose failure does not keep the others from being done.
    func attempt(_ what: String, _ id: ContainerID, _ body: () async throws(Fault) -> Void) async {
        do throws(Fault) { try await body() } catch { report("\(what)", id, error) }
    }

    private func endExecs(of container: Container) {
        for exec in container.endExecs() {
            publish("exec_die", container.record, ["execID": exec.id, "exitCode": "137"])
        }
    }

    private func dieAttributes(_ ended: Ended) -> [String: String] {
        var attributes = ["exitCode": String(ended.exitCode)]
        let seconds = ended.startedAt.map { max(0, ended.finishedAt.milliseconds(since: $0) / 1_000) } ?? 0
        attributes["execDuration"] = String(seconds)
        return attributes
    }
}

extension Ended {
    /// The shim's record in the engine's words.
    init(_ record: ExitRecord) {
        self.init(
            exitCode: Int(record.exitCode), signal: record.signal.map { Int($0) }, oomKilled: record.oomKilled,
            startedAt: record.startedAt, finishedAt: record.exitedAt, error: record.error?.message)
    }
}
