import CLinux
import Faults
import Glibc
import Linux
import Logging
import Netlink

/// Sees when somebody flushes the packet filter and has the rules made again, so that published
/// ports and the wall around the others do not wait for the next container. One thread that
/// sleeps in poll(2) until the kernel has news; it ends with its owner.
final class FirewallWatch: Sendable {
    /// Whoever reloads a firewall flushes first and fills then: the rules come back when it has been quiet this long.
    static let quietMilliseconds: CInt = 100

    private let end: FileDescriptor

    /// Starts to watch the tables of `keeper`.
    init(_ keeper: FirewallKeeper, log: Logger) throws(Fault) {
        let news = try NetlinkSubscription.packetFilter()
        let pipe: (CInt, CInt)
        do throws(Errno) { pipe = try FileDescriptor.pipe().split() } catch {
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["watch the packet filter"])
        }
        end = FileDescriptor(owning: pipe.1)
        let watcher = Watcher(news: news, end: FileDescriptor(owning: pipe.0), keeper: keeper, log: log)
        try watcher.start()
    }
}

/// What the thread works with. Safe because only the thread that was started with it uses it.
private final class Watcher: @unchecked Sendable {
    private let news: NetlinkSubscription
    private let end: FileDescriptor
    private weak var keeper: FirewallKeeper?
    private let tables: Set<String>
    private let log: Logger

    init(news: consuming NetlinkSubscription, end: consuming FileDescriptor, keeper: FirewallKeeper, log: Logger) {
        self.news = news
        self.end = end
        self.keeper = keeper
        tables = keeper.tables
        self.log = log
    }

    func start() throws(Fault) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 512 << 10)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let status = pthread_create(
            &thread, &attributes,
            { context in
                if let context { Unmanaged<Watcher>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, context.toOpaque())
        guard status == 0 else {
            context.release()
            throw Fault(.unavailable, Errno(rawValue: status).description, errno: status, trail: ["watch the packet filter"])
        }
    }

    private func run() {
        var suspicious = false
        while true {
            switch wait(milliseconds: suspicious ? FirewallWatch.quietMilliseconds : -1) {
            case .ended: return
            case .news(let lost): suspicious = suspicious || lost
            case .quiet:
                suspicious = false
                repair()
            }
        }
    }

    private enum Awakening {
        case ended, quiet
        case news(lost: Bool)
    }

    private func wait(milliseconds: CInt) -> Awakening {
        var polls = [pollfd(fd: news.rawDescriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: end.rawValue, events: 0, revents: 0)]
        let count = CLinux.poll(&polls, 2, milliseconds)
        // The pipe's other end is closed: the owner is gone.
        if polls[1].revents != 0 { return .ended }
        if count == 0 { return .quiet }
        do throws(Errno) {
            guard let replies = try news.receive() else { return .news(lost: true) }
            return .news(lost: replies.contains { PacketFilterChange($0).map(matters) ?? false })
        } catch {
            log.warning("the packet filter's news are lost", metadata: ["error": "\(error)"])
            return .ended
        }
    }

    private func matters(_ change: PacketFilterChange) -> Bool {
        switch change.kind {
        case .loss: tables.contains(change.table)
        // dockerd has been started.
        case .chain: change.table == DockerPassage.table.name
        }
    }

    private func repair() {
        do throws(Fault) {
            if try keeper?.repair() == true { log.notice("packet filter rules were flushed and made again") }
        } catch { log.warning("packet filter rules are missing", metadata: ["error": "\(error)"]) }
    }
}
