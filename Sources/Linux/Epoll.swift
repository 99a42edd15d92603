import CLinux

/// Waits on many descriptors at once (epoll(7)).
public struct Epoll: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// What a descriptor is waited for, and what it became.
    public struct Interest: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Bytes or a connection can be taken.
        public static let readable = Interest(rawValue: EPOLLIN.rawValue)
        /// Bytes can be given.
        public static let writable = Interest(rawValue: EPOLLOUT.rawValue)
        /// The other end has closed for writing.
        public static let peerClosed = Interest(rawValue: EPOLLRDHUP.rawValue)
        /// The other end is gone.
        public static let hangUp = Interest(rawValue: EPOLLHUP.rawValue)
        /// The descriptor failed.
        public static let error = Interest(rawValue: EPOLLERR.rawValue)
    }

    /// One descriptor that became ready, by the token it was added with.
    public struct Event: Sendable {
        /// The caller's number for it.
        public let token: UInt64
        /// What it became.
        public let ready: Interest
    }

    /// Makes an empty set (epoll_create1(2)).
    public init() throws(Errno) { descriptor = FileDescriptor(owning: try call { epoll_create1(O_CLOEXEC) }) }

    /// Adds `target` under `token`.
    public borrowing func add(_ target: CInt, token: UInt64, _ interest: Interest) throws(Errno) {
        try control(EPOLL_CTL_ADD, target, token, interest)
    }

    /// Changes what `target` is waited for.
    public borrowing func modify(_ target: CInt, token: UInt64, _ interest: Interest) throws(Errno) {
        try control(EPOLL_CTL_MOD, target, token, interest)
    }

    /// Takes `target` out; closing it does so too.
    public borrowing func remove(_ target: CInt) throws(Errno) { try control(EPOLL_CTL_DEL, target, 0, []) }

    /// The number of descriptors one ``wait(milliseconds:)`` reports.
    public static let batchMax = 32

    /// Waits for the next events: -1 for ever, 0 to look only. Interrupted waits return none.
    public borrowing func wait(milliseconds: CInt) throws(Errno) -> [Event] {
        let number = descriptor.rawValue
        return try withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Epoll.batchMax) { buffer throws(Errno) in
            let count: CInt
            do throws(Errno) { count = try callOnce { epoll_wait(number, buffer.baseAddress, CInt(buffer.count), milliseconds) } } catch {
                if error == .interrupted { return [] }
                throw error
            }
            return (0..<Int(count)).map { Event(token: buffer[$0].data.u64, ready: Interest(rawValue: buffer[$0].events)) }
        }
    }

    /// As ``wait(milliseconds:)``, into memory of the caller's and so without an allocation.
    /// - Returns: how many events there are; 0 also when a signal interrupted the wait.
    public borrowing func wait(into buffer: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt) throws(Errno) -> Int {
        let number = descriptor.rawValue
        do throws(Errno) { return Int(try callOnce { epoll_wait(number, buffer.baseAddress, CInt(buffer.count), milliseconds) }) } catch {
            if error == .interrupted { return 0 }
            throw error
        }
    }

    private borrowing func control(_ operation: CInt, _ target: CInt, _ token: UInt64, _ interest: Interest) throws(Errno) {
        var event = epoll_event(events: interest.rawValue, data: epoll_data(u64: token))
        let number = descriptor.rawValue
        try call { epoll_ctl(number, operation, target, &event) }
    }
}
