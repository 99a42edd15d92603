// Promise owns one value that comes later, once, to everybody who waits for it.
import Synchronization

/// A value that is set once. Waiting ends with the value, or with nil when the waiting task is
/// cancelled.
final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiting: [UInt64: CheckedContinuation<Value?, Never>] = [:]
        var cancelled: Set<UInt64> = []
        var next: UInt64 = 0
    }
    private let state = Mutex(State())

    /// Sets the value; a second one is ignored.
    func fulfil(_ value: Value) {
        let waiting = state.withLock { state -> [CheckedContinuation<Value?, Never>] in
            guard state.value == nil else { return [] }
            state.value = value
            defer { state.waiting = [:] }
            return state.waiting.values.map { $0 }
        }
        for continuation in waiting { continuation.resume(returning: value) }
    }

    /// The value when it is there; nil when this task was cancelled before.
    func value() async -> Value? {
        let number = state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now: Value?? = state.withLock { state in
                    if let value = state.value { return .some(value) }
                    if state.cancelled.remove(number) != nil { return .some(nil) }
                    state.waiting[number] = continuation
                    return nil
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            let waiting = state.withLock { state -> CheckedContinuation<Value?, Never>? in
                if let waiting = state.waiting.removeValue(forKey: number) { return waiting }
                if state.value == nil { state.cancelled.insert(number) }
                return nil
            }
            waiting?.resume(returning: nil)
        }
    }
}
