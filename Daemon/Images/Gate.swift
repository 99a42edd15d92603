import Synchronization

/// Lets a bounded number of tasks through at once; the others wait in the order they came. A load
/// holds threads for waiting, which are few: without a bound, loads that wait for slow clients
/// could take all of them.
final class Gate: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    /// A gate for `count` at once.
    init(count: Int) { state = Mutex(State(free: count)) }

    /// Waits for a place, and gives it back when `body` ends.
    func pass<R: Sendable, E: Error>(_ body: () async throws(E) -> R) async throws(E) -> R {
        await enter()
        defer { leave() }
        return try await body()
    }

    private func enter() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.waiting.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
