import CLinux
import Faults
import Linux
import ShimProtocol

// ControlServer owns the control socket and who is connected to it.

/// Accepts clients that may, and carries messages to and from them.
final class ControlServer {
    /// The most clients at once; more are turned away.
    static let connectionsMax = 256
    /// How long a client may leave the last answers unread.
    static let farewellMilliseconds: Int64 = 5_000

    private let loop: EventLoop
    private let handle: (ShimRequest, Connection, CInt?) -> Void
    private var listener: FileDescriptor?
    private var watch: EventLoop.Watch?
    private var connections: [Connection] = []
    private var isFinishing = false

    /// Listens at `path`, for root and the shim's own user.
    init(path: String, loop: EventLoop, _ handle: @escaping (ShimRequest, Connection, CInt?) -> Void) throws(Fault) {
        self.loop = loop
        self.handle = handle
        do {
            let socket = try UnixSocket.listen(path)
            try socket.setNonBlocking(true)
            let number = socket.rawValue
            listener = consume socket
            watch = try loop.watch(number, .readable) { [unowned self] _ in acceptOne() }
        } catch { throw Fault(.failed, error.description, errno: error.rawValue, trail: ["listen on \(path)"]) }
    }

    /// Whether a client has not taken everything yet.
    var hasPending: Bool { connections.contains(where: \.hasPending) }

    /// Tells subscribers.
    func announce(_ event: ShimEvent) {
        for connection in connections where connection.isSubscribed { connection.send(.event(event)) }
    }

    /// Listens no more, and closes each connection when it has taken everything.
    func finish() {
        if let watch { loop.forget(watch) }
        watch = nil
        listener = nil
        if !isFinishing {
            isFinishing = true
            _ = loop.after(ControlServer.farewellMilliseconds) { [weak self] in
                for connection in self?.connections ?? [] { connection.close() }
            }
        }
        for connection in connections { connection.finish() }
    }

    private func acceptOne() {
        guard listener != nil else { return }
        do {
            // Safe because of the line before; binding it would move it out.
            let socket = try UnixSocket.accept(listener!, nonBlocking: true)
            let user = try UnixSocket.peer(of: socket).uid
            guard user == 0 || user == geteuid(), connections.count < ControlServer.connectionsMax else { return }
            let connection = try Connection(socket, loop: loop)
            connection.received = { [unowned self, unowned connection] in handle($0, connection, $1) }
            connection.closed = { [unowned self, unowned connection] in connections.removeAll { $0 === connection } }
            connections.append(connection)
        } catch {
            // A client that vanished before it was taken, or no descriptor left: the next may do.
        }
    }
}
