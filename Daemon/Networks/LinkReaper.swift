import EngineStore
import Faults
import Logging
import Netlink
import Synchronization

/// Deletes interfaces that nothing uses any more, behind the caller's back and many at once: the
/// kernel takes 15 to 50 ms to unregister one, most of it waiting for other processors, and no
/// longer for a hundred that go together. Who dies before it is done leaves them to the sweep of
/// the next start; a veth also ends with its namespace.
final class LinkReaper: Sendable {
    private struct State {
        var names: [String] = []
        var isWorking = false
    }

    /// The interface group that a batch is put into to be deleted by one request: a number that
    /// nobody else is likely to use. Engines side by side may share it: all in it are to be deleted.
    static let group: UInt32 = 0x0CA1_5DE1
    /// The most interfaces in one request, which holds the kernel's one lock for interfaces.
    static let batchMax = 128

    private let state = Mutex(State())
    private let log: Logger

    /// Starts with nothing to do.
    init(log: Logger) { self.log = log }

    /// Has the interface deleted soon.
    func reap(_ name: String) {
        let starts = state.withLock { state in
            state.names.append(name)
            defer { state.isWorking = true }
            return !state.isWorking
        }
        guard starts else { return }
        Task { await self.work() }
    }

    private func work() async {
        while let batch = next() {
            do throws(Fault) {
                try await BlockingPool.shared.run { () throws(Fault) in try LinkReaper.delete(batch) }
            } catch {
                log.warning("interfaces stay", metadata: ["interfaces": "\(batch.joined(separator: " "))", "error": "\(error)"])
            }
        }
    }

    private func next() -> [String]? {
        state.withLock { state in
            let batch = Array(state.names.prefix(LinkReaper.batchMax))
            state.names.removeFirst(batch.count)
            state.isWorking = !batch.isEmpty
            return batch.isEmpty ? nil : batch
        }
    }

    private static func delete(_ names: [String]) throws(Fault) {
        var netlink = try NetlinkSocket()
        for name in names {
            do throws(Fault) { try netlink.request("set group of \(name)", LinkRequest.setGroup(name: name, group)) } catch {
                // Gone with its namespace.
                if error.kind != .notFound { throw error }
            }
        }
        do throws(Fault) { try netlink.request("delete interfaces", LinkRequest.delete(group: group)) } catch {
            if error.kind != .notFound { throw error }
        }
    }
}
