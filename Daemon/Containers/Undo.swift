// Undo owns the way back: what has been done so far, undone last-in first-out, past failures.
import Faults

/// Undo steps, collected while a thing is being made.
struct Undo: Sendable {
    private var steps: [(name: String, body: @Sendable () async throws(Fault) -> Void)] = []

    /// Notes how to undo what was just done, or is about to be tried.
    mutating func add(_ name: String, _ body: @escaping @Sendable () async throws(Fault) -> Void) { steps.append((name, body)) }

    /// Undoes everything in reverse and returns what could not be undone.
    func run() async -> [Fault] {
        var faults: [Fault] = []
        for step in steps.reversed() {
            do throws(Fault) { try await step.body() } catch { faults.append(error.within(step.name)) }
        }
        return faults
    }
}
