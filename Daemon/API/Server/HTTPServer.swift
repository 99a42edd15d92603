// HTTPServer owns the event loops and the listening sockets; connections belong to their handlers.
import CLinux
import Faults
import Linux
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Listens, and serves every connection by one dispatcher per kind of listener.
package final class HTTPServer: Sendable {
    /// Connections at once, over all listeners; more are closed as they come.
    package static let connectionCountMax = 4096
    /// Connections that may wait to be accepted; the kernel's somaxconn bounds it too.
    private static let backlog: Int32 = 4096
    /// Event loops: copying bytes is all they do, the work is done on other threads.
    private static let loopCount = 2

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: HTTPServer.loopCount)
    private let routes: [Route]
    private let logger: Logger
    private let serverName: String
    private let listeners = Mutex<[any Channel]>([])
    private let connectionCount = Atomic<Int>(0)

    /// A server of these services; nothing listens yet.
    package init(services: Services, serverName: String, logger: Logger) {
        routes = Routes.all(services)
        self.serverName = serverName
        self.logger = logger
    }

    /// Listens on a socket that is bound already, and owns it from now on.
    /// - Throws: `failed` where the kernel refuses.
    package func listen(unix socket: consuming Linux.FileDescriptor) async throws(Fault) {
        let descriptor = socket.release()
        do {
            let channel = try await bootstrap(isRemote: false).withBoundSocket(descriptor).get()
            // The bootstrap listens with a backlog of its own; clients that come all at once get more room.
            guard CLinux.listen(descriptor, Self.backlog) == 0 else { throw Errno.current }
            listeners.withLock { $0.append(channel) }
        } catch {
            throw Fault(.failed, "\(error)", trail: ["listen"])
        }
    }

    /// Listens on TCP.
    /// - Throws: `conflict` or `failed` where the kernel refuses.
    package func listen(host: String, port: Int) async throws(Fault) {
        do {
            let channel = try await bootstrap(isRemote: true).serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).get()
            listeners.withLock { $0.append(channel) }
        } catch {
            throw Fault(.failed, "\(error)", trail: ["listen on tcp://\(host):\(port)"])
        }
    }

    /// Stops listening and drops every connection.
    package func stop() async {
        for channel in listeners.withLock({ $0 }) { try? await channel.close() }  // A listener that is closed already is what we want.
        try? await group.shutdownGracefully()  // The process ends next; there is nobody to tell.
    }

    private func bootstrap(isRemote: Bool) -> ServerBootstrap {
        let dispatcher = Dispatcher(router: Router(routes), logger: logger, isRemote: isRemote, serverName: serverName)
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { [self] channel in
                guard connectionCount.add(1, ordering: .relaxed).newValue <= Self.connectionCountMax else {
                    connectionCount.subtract(1, ordering: .relaxed)
                    return channel.eventLoop.makeFailedFuture(ChannelError.connectTimeout(.zero))
                }
                channel.closeFuture.whenComplete { _ in self.connectionCount.subtract(1, ordering: .relaxed) }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ConnectionHandler { head, connection in await dispatcher.serve(head, on: connection) })
                }
            }
    }
}
