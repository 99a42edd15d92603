// EventBus owns what happened lately and who wants to know: a bounded history and a bounded queue
// per listener. It keeps nothing on disk and never makes a publisher wait.
import EngineAPI
import Synchronization

/// Carries events from the services to listening clients.
package final class EventBus: Sendable {
    /// Events kept for listeners that ask for the past.
    package static let historyMax = 1000
    /// Events that may wait for one listener; one that falls further behind is cut off, so that a
    /// client that has stopped reading costs no more memory than this.
    package static let backlogMax = 4096

    private struct Listener {
        let filter: EventFilter
        let continuation: AsyncStream<EventMessage>.Continuation
    }

    private struct State {
        var history = EventHistory(capacity: EventBus.historyMax)
        var listeners: [UInt64: Listener] = [:]
        var nextListener: UInt64 = 0
    }

    private let state = Mutex(State())

    /// A bus without history or listeners.
    package init() {}

    /// Clients that listen now.
    package var listenerCount: Int { state.withLock { $0.listeners.count } }

    /// Tells everybody who wants to know; returns at once.
    package func publish(_ event: EventMessage) {
        let late = state.withLock { state -> [AsyncStream<EventMessage>.Continuation] in
            state.history.append(event)
            var late: [AsyncStream<EventMessage>.Continuation] = []
            for (key, listener) in state.listeners where listener.filter.admits(event) {
                if case .enqueued = listener.continuation.yield(event) { continue }
                state.listeners[key] = nil
                late.append(listener.continuation)
            }
            return late
        }
        // Outside of the lock: finishing runs onTermination, which takes it again.
        for continuation in late { continuation.finish() }
    }

    /// Events of the kept past from `since` on (none without it), then those to come, until `until`
    /// or until the caller stops listening. The history and the live part join without a gap.
    package func subscribe(since: Timestamp?, until: Timestamp?, filters: Filters) -> AsyncStream<EventMessage> {
        let filter = EventFilter(filters: filters, since: since, until: until)
        let (stream, continuation) = AsyncStream.makeStream(
            of: EventMessage.self, bufferingPolicy: .bufferingOldest(Self.historyMax + Self.backlogMax))
        let remaining = until.map { $0.nanoseconds - Timestamp.now().nanoseconds }
        let key = state.withLock { state -> UInt64 in
            if since != nil {
                for event in state.history.all where filter.admits(event) { continuation.yield(event) }
            }
            let key = state.nextListener
            state.nextListener += 1
            if (remaining ?? 1) > 0 { state.listeners[key] = Listener(filter: filter, continuation: continuation) }
            return key
        }
        guard let remaining else {
            continuation.onTermination = { [weak self] _ in self?.forget(key) }
            return stream
        }
        guard remaining > 0 else {
            continuation.finish()
            return stream
        }
        let timer = Task {
            try? await Task.sleep(nanoseconds: UInt64(remaining))  // Cancelled when the listener goes first: then it is finished anyway.
            continuation.finish()
        }
        continuation.onTermination = { [weak self] _ in
            timer.cancel()
            self?.forget(key)
        }
        return stream
    }

    private func forget(_ key: UInt64) { _ = state.withLock { $0.listeners.removeValue(forKey: key) } }
}

/// The last events, oldest first.
struct EventHistory {
    private var ring: [EventMessage] = []
    private var oldest = 0
    let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    var all: [EventMessage] { Array(ring[oldest...] + ring[..<oldest]) }

    mutating func append(_ event: EventMessage) {
        guard ring.count == capacity else {
            ring.append(event)
            return
        }
        ring[oldest] = event
        oldest = (oldest + 1) % capacity
    }
}
