// Registry owns which containers there are and who has which name. Names are taken under one lock,
// before anything is awaited.
import EngineAPI
import Faults
import Synchronization

/// The engine's containers by ID and name.
final class Registry: Sendable {
    private struct State {
        var containers: [ContainerID: Container] = [:]
        var names: [String: ContainerID] = [:]
        /// Containers by the ID of each of their execs.
        var execs: [String: ContainerID] = [:]
    }
    private let state = Mutex(State())

    /// Takes a name for a container that is about to be made or renamed.
    /// - Throws: `conflict` in docker's words.
    func reserve(_ name: String, for id: ContainerID) throws(Fault) {
        let owner = state.withLock { state -> ContainerID? in
            if let owner = state.names[name], owner != id { return owner }
            state.names[name] = id
            return nil
        }
        guard let owner else { return }
        throw Fault(
            .conflict,
            "Conflict. The container name \"/\(name)\" is already in use by container \"\(owner)\". You have to remove (or rename) that container to be able to reuse that name."
        )
    }

    /// Takes the first free name that `candidate` makes of a number of attempts.
    func reserveFree(for id: ContainerID, candidate: (Int) -> String) -> String {
        state.withLock { state in
            var attempt = 0
            while true {
                let name = candidate(attempt)
                if state.names[name] == nil {
                    state.names[name] = id
                    return name
                }
                attempt += 1
            }
        }
    }

    /// Gives a name back.
    func release(_ name: String, of id: ContainerID) {
        state.withLock { if $0.names[name] == id { $0.names[name] = nil } }
    }

    /// Adds a container; its name has been reserved.
    func insert(_ container: Container) { state.withLock { $0.containers[container.id] = container } }

    /// Takes a container out, with its name.
    func remove(_ container: Container, name: String) {
        let execs = container.takeExecs()
        state.withLock { state in
            state.containers[container.id] = nil
            if state.names[name] == container.id { state.names[name] = nil }
            for exec in execs { state.execs[exec] = nil }
        }
    }

    /// Remembers whose an exec is, and forgets some that ended.
    func insertExec(_ exec: String, of id: ContainerID, forgetting: [String]) {
        state.withLock { state in
            for old in forgetting { state.execs[old] = nil }
            state.execs[exec] = id
        }
    }

    /// The container that has an exec.
    /// - Throws: `notFound` in docker's words.
    func container(ofExec exec: String) throws(Fault) -> Container {
        let found = state.withLock { state in
            state.execs[exec].flatMap { state.containers[$0] }
        }
        guard let found else { throw Fault(.notFound, "No such exec instance: \(exec)") }
        return found
    }

    /// All containers, also those in the making.
    var everything: [Container] { state.withLock { Array($0.containers.values) } }

    /// All containers whose create has returned.
    var all: [Container] { state.withLock { Array($0.containers.values) }.filter { !$0.record.isHidden } }

    /// The container that a full ID, a name or an unambiguous prefix of an ID names.
    /// - Throws: `notFound` or, for a prefix of several, `invalidArgument`.
    func find(_ reference: String) throws(Fault) -> Container {
        let name = reference.hasPrefix("/") ? String(reference.dropFirst()) : reference
        let found = state.withLock { state -> [Container] in
            if let id = ContainerID(reference), let container = state.containers[id] { return [container] }
            if let id = state.names[name], let container = state.containers[id] { return [container] }
            guard ContainerID.isHexadecimal(reference) else { return [] }
            return Array(state.containers.values.filter { $0.id.text.hasPrefix(reference) }.prefix(2))
        }
        guard found.count < 2 else { throw Fault(.invalidArgument, "multiple IDs found with provided prefix: \(reference)") }
        guard let container = found.first, !container.record.isHidden else { throw Fault(.notFound, "No such container: \(reference)") }
        return container
    }
}
