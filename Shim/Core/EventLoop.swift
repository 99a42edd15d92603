import CLinux
import Linux

// EventLoop owns the one place where a shim waits. It knows descriptors and times, and nothing
// of what they mean.

/// Calls back when descriptors are ready or times have come; one thread, no queue.
final class EventLoop {
    typealias Interest = Epoll.Interest

    /// A descriptor being watched.
    struct Watch: Hashable, Sendable { fileprivate let token: UInt64 }
    /// A time being waited for.
    struct Alarm: Hashable, Sendable { fileprivate let token: UInt64 }

    private struct Source {
        let descriptor: CInt
        var interest: Interest
        let ready: (Interest) -> Void
    }

    private let epoll: Epoll
    private let batch = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: Epoll.batchMax)
    private var sources: [UInt64: Source] = [:]
    private var alarms: [UInt64: (due: Int64, ring: () -> Void)] = [:]
    private var lastToken: UInt64 = 0

    init() throws(Errno) { epoll = try Epoll() }

    deinit { batch.deallocate() }

    /// Calls `ready` whenever `descriptor` becomes what `interest` says; errors and hang-ups are
    /// told always. The caller keeps the descriptor open and forgets the watch before closing it.
    func watch(_ descriptor: CInt, _ interest: Interest, _ ready: @escaping (Interest) -> Void) throws(Errno) -> Watch {
        lastToken += 1
        try epoll.add(descriptor, token: lastToken, interest)
        sources[lastToken] = Source(descriptor: descriptor, interest: interest, ready: ready)
        return Watch(token: lastToken)
    }

    /// Changes what a watch waits for.
    func change(_ watch: Watch, _ interest: Interest) {
        guard let source = sources[watch.token], source.interest != interest else { return }
        // Cannot fail for a descriptor that is watched and open, save for want of kernel memory;
        // then the old interest stays and is tried again with the next change.
        if (try? epoll.modify(source.descriptor, token: watch.token, interest)) != nil {
            sources[watch.token]?.interest = interest
        }
    }

    /// Ends a watch.
    func forget(_ watch: Watch) {
        guard let source = sources.removeValue(forKey: watch.token) else { return }
        // A descriptor that is closed already has left the set by itself.
        try? epoll.remove(source.descriptor)
    }

    /// Calls `ring` once, after `milliseconds`.
    func after(_ milliseconds: Int64, _ ring: @escaping () -> Void) -> Alarm {
        lastToken += 1
        alarms[lastToken] = (Clock.monotonicMilliseconds() + max(0, milliseconds), ring)
        return Alarm(token: lastToken)
    }

    /// Takes an alarm back.
    func cancel(_ alarm: Alarm) { alarms[alarm.token] = nil }

    /// Waits once and calls whoever is concerned.
    func turn() throws(Errno) {
        let count = try epoll.wait(into: batch, milliseconds: timeout())
        for index in 0..<count {
            // A handler before this one may have ended the watch.
            guard let source = sources[batch[index].data.u64] else { continue }
            source.ready(Interest(rawValue: batch[index].events))
        }
        if !alarms.isEmpty { ringDue() }
    }

    private func timeout() -> CInt {
        guard let next = alarms.values.lazy.map(\.due).min() else { return -1 }
        return CInt(clamping: max(0, next - Clock.monotonicMilliseconds()))
    }

    private func ringDue() {
        let now = Clock.monotonicMilliseconds()
        for (token, alarm) in alarms.filter({ $0.value.due <= now }).sorted(by: { $0.value.due < $1.value.due })
        where alarms.removeValue(forKey: token) != nil {
            alarm.ring()
        }
    }
}
