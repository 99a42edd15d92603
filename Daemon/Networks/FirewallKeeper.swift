import Faults
import Nftables
import Synchronization

/// Keeps the kernel's packet filter equal to what the containers of one bridge have. It remembers
/// every entry, so that rules which somebody else flushed come back whole.
final class FirewallKeeper: Sendable {
    private struct State {
        var firewall: BridgeFirewall
        var entries: [String: BridgeFirewall.Entry] = [:]
        /// The kernel's listing of the tables as they were made, without elements.
        var listing = ""
    }

    private let nftables: Nftables
    // Held over the kernel's answer: memory and kernel change in the same order.
    private let state: Mutex<State>

    /// Takes the bridge under its care; the kernel hears of it at ``assert(entries:)``.
    init(_ firewall: BridgeFirewall) throws(Fault) {
        nftables = try Nftables()
        state = Mutex(State(firewall: firewall))
    }

    /// Makes the rules anew in one transaction, with exactly these entries.
    func assert(entries: [BridgeFirewall.Entry]) throws(Fault) {
        try change { (state) throws(Fault) in
            state.entries = Dictionary(entries.map { ($0.port, $0) }, uniquingKeysWith: { $1 })
            try self.rebuild(&state)
        }
    }

    /// Makes the rules anew with the entries as they are.
    func reassert() throws(Fault) { try change { (state) throws(Fault) in try self.rebuild(&state) } }

    /// Makes the rules anew where somebody has changed them; whether that was so.
    func repair() throws(Fault) -> Bool {
        var repaired = false
        try change { (state) throws(Fault) in
            self.openPassage(state)
            // A table that cannot be listed is not there.
            guard state.listing != (try? self.list(state)) else { return }
            try self.rebuild(&state)
            repaired = true
        }
        return repaired
    }

    /// The tables it keeps.
    var tables: Set<String> { state.withLock { [$0.firewall.routed.name, $0.firewall.bridged.name] } }

    /// Adds a container's entry.
    func add(_ entry: BridgeFirewall.Entry) throws(Fault) {
        try change { (state) throws(Fault) in
            let before = state.entries
            state.entries[entry.port] = entry
            do throws(Fault) {
                try self.run(state.firewall.add(entry)) { () throws(Fault) in try self.rebuild(&state) }
            } catch {
                state.entries = before
                throw error
            }
        }
    }

    /// Removes a container's entry; one that is not there is no failure.
    func remove(port: String) throws(Fault) {
        try change { (state) throws(Fault) in
            guard let entry = state.entries.removeValue(forKey: port) else { return }
            try self.run(state.firewall.remove(entry)) { () throws(Fault) in try self.rebuild(&state) }
        }
    }

    /// Runs the small script, and where the kernel no longer has what it builds on, the whole one.
    private func run(_ script: NftScript, otherwise whole: () throws(Fault) -> Void) throws(Fault) {
        do throws(Fault) { try nftables.run(script) } catch {
            guard error.kind == .notFound || error.kind == .conflict else { throw error }
            try whole()
        }
    }

    private func rebuild(_ state: inout State) throws(Fault) {
        let entries = Array(state.entries.values)
        do throws(Fault) { try nftables.run(state.firewall.refresh(entries)) } catch {
            // What is there under these names is not what this version makes.
            try nftables.run(state.firewall.rebuild(entries))
        }
        state.listing = try list(state)
        openPassage(state)
    }

    /// Best effort: the table is another engine's, and most machines have none.
    private func openPassage(_ state: State) {
        var script = NftScript()
        script.list(DockerPassage.table)
        guard let listing = try? nftables.run(script) else { return }
        let passage = DockerPassage.script(listing: listing, bridge: state.firewall.bridge)
        if !passage.isEmpty { _ = try? nftables.run(passage) }
    }

    private func list(_ state: State) throws(Fault) -> String {
        // One script for each: the library's cache holds one family's tables at a time.
        var listing = ""
        for table in [state.firewall.routed, state.firewall.bridged] {
            var script = NftScript()
            script.list(table)
            listing += try nftables.run(script)
        }
        return listing
    }

    private func change(_ body: (inout sending State) throws(Fault) -> Void) throws(Fault) {
        try state.withLock { (state) throws(Fault) in try body(&state) }
    }
}
