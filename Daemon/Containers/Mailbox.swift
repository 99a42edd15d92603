// Mailbox owns the order of one container's commands: one runs to its end before the next begins,
// which an actor does not promise (it lets others in at every await).
import Faults
import Synchronization

/// A bounded queue of commands with one task that runs them; the task is there only while there
/// is something to do.
final class Mailbox: Sendable {
    /// The most commands that wait; one more is refused.
    static let commandsMax = 128

    private typealias Command = @Sendable () async -> Void
    private struct State {
        var commands: [Command] = []
        var running = false
    }
    private let state = Mutex(State())

    /// Runs a command after those before it and returns what it returned.
    /// - Throws: the command's fault, or `unavailable` when too many wait.
    func perform<R: Sendable>(_ body: @escaping @Sendable () async throws(Fault) -> R) async throws(Fault) -> R {
        let result: Result<R, Fault> = await withCheckedContinuation { continuation in
            let accepted = add(limit: Mailbox.commandsMax) {
                do throws(Fault) { continuation.resume(returning: .success(try await body())) } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
            if !accepted {
                continuation.resume(returning: .failure(Fault(.unavailable, "too many commands wait for this container (\(Mailbox.commandsMax))")))
            }
        }
        return try result.get()
    }

    /// Runs something that happened after the commands before it; it is never refused. A container
    /// makes few of these: its shim's events.
    func post(_ body: @escaping @Sendable () async -> Void) {
        _ = add(limit: .max, body)
    }

    private func add(limit: Int, _ command: @escaping Command) -> Bool {
        let (accepted, first) = state.withLock { state in
            guard state.commands.count < limit else { return (false, false) }
            state.commands.append(command)
            defer { state.running = true }
            return (true, !state.running)
        }
        if first { Task { await drain() } }
        return accepted
    }

    private func drain() async {
        while let command = next() { await command() }
    }

    private func next() -> Command? {
        state.withLock { state in
            if state.commands.isEmpty {
                state.running = false
                return nil
            }
            return state.commands.removeFirst()
        }
    }
}
