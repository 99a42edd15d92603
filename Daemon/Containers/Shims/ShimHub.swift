// ShimHub owns the one thread that listens to the control sockets of all shims. It hands bytes to
// connections and decides nothing.
import Faults
import Glibc
import Linux
import Synchronization

/// Listens to every shim of the engine with one thread, however many there are.
final class ShimHub: Sendable {
    /// The hub of this process; its thread starts with the first connection.
    static let shared = ShimHub()

    private struct Members {
        var connections: [UInt64: ShimConnection] = [:]
        var next: UInt64 = 1
        var running = false
    }

    private let members = Mutex(Members())
    private let epoll: Epoll?

    private init() {
        epoll = try? Epoll()  // reported by add(_:), where there is somebody to tell
    }

    /// Listens to `connection` until it ends.
    func add(_ connection: ShimConnection) throws(Fault) {
        let token = members.withLock { members -> UInt64 in
            let token = members.next
            members.next += 1
            members.connections[token] = connection
            return token
        }
        do {
            try register(connection.number, token)
        } catch {
            members.withLock { _ = $0.connections.removeValue(forKey: token) }
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["listen to a shim"])
        }
        try startThread()
    }

    private func register(_ number: CInt, _ token: UInt64) throws(Errno) {
        switch epoll {
        case .some(let epoll): try epoll.add(number, token: token, [.readable, .peerClosed])
        case .none: throw .noSystemCall
        }
    }

    private func startThread() throws(Fault) {
        let first = members.withLock { members in
            defer { members.running = true }
            return !members.running
        }
        guard first else { return }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 512 << 10)
        var thread = pthread_t()
        let error = pthread_create(&thread, &attributes, { _ in
            ShimHub.shared.listen()
            return nil
        }, nil)
        guard error == 0 else {
            members.withLock { $0.running = false }
            throw Fault(.failed, Errno(rawValue: error).description, errno: error, trail: ["start the thread that listens to shims"])
        }
    }

    /// The thread's life.
    private func listen() {
        while true {
            for event in wait() {
                guard let connection = members.withLock({ $0.connections[event.token] }) else { continue }
                if !connection.receive() {
                    members.withLock { _ = $0.connections.removeValue(forKey: event.token) }
                    switch epoll {
                    case .some(let epoll): try? epoll.remove(connection.number)  // closing does the same
                    case .none: break
                    }
                    connection.ended()
                }
            }
        }
    }

    private func wait() -> [Epoll.Event] {
        switch epoll {
        case .some(let epoll):
            do throws(Errno) { return try epoll.wait(milliseconds: -1) } catch { return [] }
        case .none: return []
        }
    }
}
