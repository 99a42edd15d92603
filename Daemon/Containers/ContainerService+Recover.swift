// Recover: the engine starts, whatever happened to the last one. The kernel and the shims are the
// truth about what runs; records are brought into line with them.
import EngineAPI
import Faults
import Lifecycle
import Linux
import OCISpec
import ShimProtocol

extension ContainerService {
    /// How many containers are looked at side by side.
    private static let recoveredAtOnce = 16
    /// How long a shim may take to say how it is.
    private static let shimAnswerSecondsMax = 20

    /// Reads what there is, connects to shims that live, collects exits, finishes or undoes what
    /// was cut off, and starts what its policy wants. Every container is known when this returns;
    /// those that are started again may still be starting.
    package func recover() async {
        let (records, unreadable) = await records()
        for record in records {
            do throws(Fault) { try registry.reserve(record.name, for: record.id) } catch {
                report("two records have one name", record.id, error)
            }
            registry.insert(Container(record))
        }
        await forEachAtOnce(registry.everything) { container in
            // In its mailbox: what its shim tells meanwhile comes after.
            await self.attempt("a container could not be recovered", container.id) { () async throws(Fault) in
                try await container.mailbox.perform { () async throws(Fault) in await self.recover(container) }
            }
        }
        let running = Set(registry.everything.filter { $0.record.isRunning }.map(\.id))
        await networks.reconcile(running: running)
        await removeOrphans(besides: unreadable)
        for container in registry.everything where RecoveryPlan.startsAgain(container.record) {
            container.mailbox.post { [self] in
                await attempt("a container could not be started again", container.id) { [self] () async throws(Fault) in
                    try await startNow(container)
                }
            }
        }
    }

    private func forEachAtOnce(_ containers: [Container], _ body: @escaping @Sendable (Container) async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            for (index, container) in containers.enumerated() {
                if index >= Self.recoveredAtOnce { await group.next() }
                group.addTask { await body(container) }
            }
        }
    }

    // MARK: - Records

    /// All records, and the IDs of those that cannot be read: they are told of and left alone.
    /// Nil where none at all could be.
    private func records() async -> (records: [ContainerRecord], unreadable: Set<String>?) {
        var records: [ContainerID: ContainerRecord] = [:]
        var unreadable: Set<String>? = []
        do throws(Fault) {
            let documents = try await blocking { [store] () throws(Fault) in try store.all(.containers) }
            for (key, document) in documents {
                do throws(Fault) {
                    let record = try ContainerRecord(document: document)
                    records[record.id] = record
                } catch {
                    unreadable?.insert(key)
                    logger.error("a container's record cannot be read", metadata: ["container": "\(key)", "error": "\(error)"])
                }
            }
        } catch {
            unreadable = nil
            logger.error("the containers' records cannot be read", metadata: ["error": "\(error)"])
        }
        for record in await salvaged(besides: Set(records.keys)) { records[record.id] = record }
        return (records.values.sorted { $0.created < $1.created }, unreadable)
    }

    /// Containers whose record is lost but whose copy lies beside their files.
    private func salvaged(besides known: Set<ContainerID>) async -> [ContainerRecord] {
        var found: [ContainerRecord] = []
        for name in await names(in: "\(configuration.dataRoot)/containers") {
            guard let id = ContainerID(name), !known.contains(id) else { continue }
            let path = "\(configuration.dataDirectory(name))/record.json"
            let record = try? await blocking { () throws(Fault) in  // without a copy it is an orphan
                try ContainerRecord(document: try system("read \(path)") { () throws(Errno) in try Files.read(path) })
            }
            guard var record, record.id == id else { continue }
            // The copy is from the last rest; a shim that serves it says more.
            if Files.exists("\(configuration.shimDirectory(name))/\(ShimFile.status)"), case .created(let failure) = record.phase {
                record.phase = .starting(before: .created(failure))
            } else if Files.exists("\(configuration.shimDirectory(name))/\(ShimFile.status)"), case .exited(let ended) = record.phase {
                record.phase = .starting(before: .exited(ended))
            }
            logger.warning("a container's record was lost and is restored from its copy", metadata: ["container": "\(id.short)"])
            found.append(record)
        }
        return found
    }

    private func names(in directory: String) async -> [String] {
        (try? await blocking { () throws(Fault) in  // a missing directory holds nothing
            try system("list \(directory)") { () throws(Errno) in try Files.names(in: directory) }
        }) ?? []
    }

    // MARK: - One container

    private func recover(_ container: Container) async {
        let (evidence, shim) = await evidence(of: container)
        if case .alive(let status) = evidence, status.health != container.record.health {
            var record = container.record
            record.health = status.health
            container.publish(record)
        }
        let plan = RecoveryPlan.make(container.record.phase, evidence)
        switch plan {
        case .adopt, .adoptRestarting, .adoptAsRecorded: break
        case .undoCreate, .finishRemoval, .rest, .undoStart, .collect, .lost: await letGo(container, shim)
        }
        await carryOut(plan, container, shim)
    }

    /// A shim that is not to go on puts its container away and ends.
    private func letGo(_ container: Container, _ shim: ShimConnection?) async {
        guard let shim else { return }
        _ = container.connected(shim)
        await endShim(container)
    }

    private func carryOut(_ plan: RecoveryPlan, _ container: Container, _ shim: ShimConnection?) async {
        let id = container.id
        switch plan {
        case .undoCreate:
            await attempt("a cut-off create could not be undone", id) { [self] () async throws(Fault) in
                try await images.removeRootfs(id)
                try await removeFiles(id)
                try await blocking { [store] () throws(Fault) in try store.delete(.containers, id.text) }
                registry.remove(container, name: container.record.name)
            }
        case .finishRemoval:
            await putAway(container)
            await attempt("a cut-off removal could not be finished", id) { [self] () async throws(Fault) in try await removeNow(container) }
        case .rest:
            await putAway(container)
            if case .exited = container.record.phase, container.record.hostConfig.autoRemove {
                await attempt("an ended container could not be removed", id) { [self] () async throws(Fault) in try await removeNow(container) }
            }
        case .adopt(let pid, let startedAt, let restartCount):
            // Most are as their record says: nothing is written for them.
            if case .running(Int(pid), _) = container.record.phase, container.record.restartCount == restartCount {
                return await adopted(container, shim)
            }
            await note(container) { record in
                record.phase = .running(pid: Int(pid), startedAt: startedAt ?? .now())
                record.restartCount = restartCount
            }
            await adopted(container, shim)
        case .adoptRestarting(let ended, let restartCount):
            await note(container) { record in
                record.phase = .restarting(ended)
                record.restartCount = restartCount
            }
            await adopted(container, shim)
        case .adoptAsRecorded: await adopted(container, shim)
        case .undoStart(let before):
            await deleteTask(container.record)
            await putAway(container)
            await note(container) { $0.phase = before.phase }
        case .collect(let ended): await finishRun(container, ended)
        case .lost(let startedAt):
            await deleteTask(container.record)
            await finishRun(
                container,
                Ended(exitCode: 255, startedAt: startedAt, finishedAt: .now(), error: "the machine or the container's shim went down while it ran"))
        }
    }

    /// From here on the shim's events count; what it told before was heard and put aside.
    private func adopted(_ container: Container, _ shim: ShimConnection?) async {
        if let shim { _ = container.connected(shim) }  // nobody can have attached before the engine answers
    }

    /// Puts away what the last run may have left.
    private func putAway(_ container: Container) async {
        let id = container.id
        guard Files.exists(configuration.bundle(id.text)) else { return }
        await attempt("the network of an ended container could not be taken away", id) { [self] () async throws(Fault) in
            try await networks.disconnect(id)
        }
        await attempt("the file system of an ended container could not be unmounted", id) { [self] () async throws(Fault) in
            try await images.unmountRootfs(at: configuration.rootfs(id.text))
        }
        await attempt("the bundle of an ended container could not be removed", id) { [self] () async throws(Fault) in
            try await removeBundle(id)
        }
    }

    /// What a container's shim says, and the connection to it where it lives.
    private func evidence(of container: Container) async -> (ShimEvidence, ShimConnection?) {
        let id = container.id
        guard Files.exists(configuration.shimDirectory(id.text)) else { return (.none, nil) }
        if let shim = try? await openShim(container) {  // nobody listens: then it has ended
            do throws(Fault) {
                try await shim.request(.subscribe, within: Self.shimAnswerSecondsMax)
                if case .status(let status) = try await shim.request(.status, within: Self.shimAnswerSecondsMax) {
                    return (.alive(status), shim)
                }
            } catch {
                report("a shim does not say how it is", id, error)
            }
            // One that is there but too slow to answer is not taken for dead: its container would be killed.
            if !shim.hasEnded { return (.silent, shim) }
        }
        if let exit = await exitRecord(id) { return (.ended(exit), nil) }
        return (.none, nil)
    }

    // MARK: - Orphans

    /// Removes directories of containers that nobody knows: their create was cut off before its
    /// record, or their removal after it.
    private func removeOrphans(besides unreadable: Set<String>?) async {
        guard let unreadable else { return }
        for name in await names(in: "\(configuration.execRoot)/containers") {
            guard let id = ContainerID(name), !unreadable.contains(name), (try? registry.find(name)) == nil else { continue }  // not found is what is looked for
            await attempt("an orphaned bundle could not be removed", id) { [self] () async throws(Fault) in
                try await images.unmountRootfs(at: configuration.rootfs(name))
                try await removeBundle(id)
            }
        }
        for name in await names(in: "\(configuration.dataRoot)/containers") {
            guard let id = ContainerID(name), !unreadable.contains(name), (try? registry.find(name)) == nil else { continue }  // as above
            await attempt("an orphaned container directory could not be removed", id) { [self] () async throws(Fault) in
                try await images.removeRootfs(id)
                try await removeFiles(id)
            }
        }
    }
}
