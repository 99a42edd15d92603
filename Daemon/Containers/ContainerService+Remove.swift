// Remove, prune and rename.
import EngineAPI
import Faults
import Lifecycle
import Linux

extension ContainerService {
    /// Removes a container and everything of it.
    /// - Throws: `conflict` when it runs and `force` is not set.
    package func remove(_ reference: String, force: Bool, volumes: Bool) async throws(Fault) {
        let container = try registry.find(reference)
        // Volumes as objects of their own do not exist yet: `volumes` has nothing to remove.
        for attempt in 1...Self.removalAttemptsMax {
            do throws(Fault) {
                if force { try await endForRemoval(container) }
                return try await container.mailbox.perform { [self] () async throws(Fault) in
                    if container.isRemoved {
                        if force || container.record.hostConfig.autoRemove { return }
                        throw Fault(.notFound, "No such container: \(reference)")
                    }
                    try await removeNow(container)
                }
            } catch {
                // It ended or was started meanwhile: then once more.
                guard force, error.kind == .conflict, attempt < Self.removalAttemptsMax else { throw error }
            }
        }
    }

    /// Kills what runs. A container whose end is being noted has no shim any more: the removal waits
    /// behind that in the mailbox.
    private func endForRemoval(_ container: Container) async throws(Fault) {
        guard container.record.isRunning else { return }
        do throws(Fault) { try await kill(container, 9) } catch {
            guard error.kind == .conflict else { throw error }
        }
    }

    /// How often a forced removal kills what somebody else keeps starting.
    private static let removalAttemptsMax = 4

    /// Removes a container that does not run, as a command of its mailbox: numbered steps, each of
    /// which recovery can do again.
    func removeNow(_ container: Container) async throws(Fault) {
        let id = container.id
        let before: ContainerPhase.Rest
        switch container.record.phase {
        case .created(let failure): before = .created(failure)
        case .exited(let ended): before = .exited(ended)
        case .removing(let rest): before = rest
        case .creating: before = .created(nil)
        case .running, .starting:
            throw Fault(
                .conflict,
                "cannot remove container \"\(container.record.name)\": container is running: stop the container before removing or force remove")
        case .restarting:
            throw Fault(
                .conflict,
                "cannot remove container \"\(container.record.name)\": container is restarting: stop the container before removing or force remove")
        }
        do throws(Fault) {
            try await change(container) { $0.phase = .removing(before: before) }
        } catch {
            // Removing is how a full disk gets room again: the record goes in the end, when there is some.
            guard error.kind == .noSpace else { throw error }
        }
        CrashPoint.removeRecord.pass()
        try await images.removeRootfs(id)
        CrashPoint.removeRootfs.pass()
        try await removeFiles(id)
        CrashPoint.removeFiles.pass()
        try await blocking { [store] () throws(Fault) in try store.delete(.containers, id.text) }
        CrashPoint.removeDone.pass()
        registry.remove(container, name: container.record.name)
        container.tellRemoved()
        publish("destroy", container.record)
    }

    /// Removes all containers that do not run and that the filters name.
    package func prune(filters: Filters) async throws(Fault) -> ContainersPruneReport {
        try filters.requireOnly(["label", "label!", "until"])
        let until = try filters.get("until").first.map { (text) throws(Fault) in try Moments.parse(text) }
        var removed: [String] = []
        var bytes: Int64 = 0
        for container in registry.all {
            let record = container.record
            guard !record.isRunning, record.isAtRest, filters.matchesLabels("label", record.config.labels),
                filters.get("label!").isEmpty || !Filters(["label": filters.get("label!")]).matchesLabels("label", record.config.labels),
                until.map({ record.created < $0 }) ?? true
            else { continue }
            let size = (try? await images.sizes(record.id, image: record.imageID).writable) ?? 0  // a size is no reason to keep it
            do throws(Fault) {
                try await container.mailbox.perform { [self] () async throws(Fault) in try await removeNow(container) }
                removed.append(record.id.text)
                bytes += size
            } catch {
                // Somebody started or removed it meanwhile: then it is not for pruning.
                guard error.kind == .conflict || error.kind == .notFound else { throw error }
            }
        }
        var report = ContainersPruneReport()
        report.containersDeleted = removed.isEmpty ? nil : removed
        report.spaceReclaimed = bytes
        return report
    }

    /// Gives a container another name.
    /// - Throws: `conflict` when it is taken.
    package func rename(_ reference: String, to text: String) async throws(Fault) {
        let container = try registry.find(reference)
        guard !text.isEmpty else { throw Fault(.invalidArgument, "Neither old nor new names may be empty") }
        let name = try ResourceName.container(text)
        let old = container.record.name
        guard name != old else { throw Fault(.invalidArgument, "Renaming a container with the same name as its current name") }
        try registry.reserve(name, for: container.id)
        do throws(Fault) {
            try await container.mailbox.perform { [self] () async throws(Fault) in
                guard !container.isRemoved else { throw Fault(.notFound, "No such container: \(reference)") }
                let current = container.record.name
                try await change(container) { $0.name = name }
                registry.release(current, of: container.id)
                await keepCopy(container.record)
            }
        } catch {
            registry.release(name, of: container.id)
            throw error
        }
        publish("rename", container.record, ["oldName": "/" + old])
    }
}

extension ContainerRecord {
    /// Whether nothing of it runs or is being changed.
    var isAtRest: Bool {
        switch phase {
        case .created, .exited: true
        case .creating, .starting, .running, .restarting, .removing: false
        }
    }
}

/// Moments as filters name them.
enum Moments {
    /// A timestamp, or a duration before now, as `24h`.
    static func parse(_ text: String) throws(Fault) -> Lifecycle.Timestamp {
        if let duration = try? GoDuration.nanoseconds(text) {  // no duration: then it must be a timestamp
            let now = Lifecycle.Timestamp.now()
            return Lifecycle.Timestamp(seconds: now.seconds, nanoseconds: Int64(now.nanoseconds) - duration)
        }
        let moment = try EngineAPI.Timestamp(parsing: text)
        return Lifecycle.Timestamp(seconds: moment.seconds, nanoseconds: Int64(moment.nanosecond))
    }
}
