import CLinux
import Faults
import Linux

/// A conversation with the kernel about the network (rtnetlink(7), or netfilter's part of netlink(7)). It belongs to the network
/// namespace of the thread that opened it, for ever: a socket opened inside a container's
/// namespace configures that one from any thread.
///
/// Needs CAP_NET_ADMIN in the user namespace that owns the network namespace.
package struct NetlinkSocket: ~Copyable, Sendable {
    private let descriptor: FileDescriptor
    private var sequence: UInt32 = 0

    /// The most bytes taken from the kernel in one answer; dumps arrive in pieces of at most 32 KiB.
    package static let answerBytesMax = 65_536
    /// How long an answer may take: the kernel answers from within the request, so this only ends a bug.
    package static let answerSecondsMax = 10

    /// Whom the socket speaks to.
    package enum Family: Sendable {
        /// Interfaces, addresses, routes, neighbours.
        case route
        /// Connection tracking.
        case netfilter
    }

    /// Opens a socket in the calling thread's network namespace.
    package init(_ family: Family = .route) throws(Fault) {
        do throws(Errno) { descriptor = try NetlinkSocket.open(family == .route ? NETLINK_ROUTE : NETLINK_NETFILTER) } catch {
            throw Fault(.failed, error.description, errno: error.rawValue, trail: ["open a netlink socket"])
        }
    }

    private static func open(_ family: CInt) throws(Errno) -> FileDescriptor {
        let descriptor = FileDescriptor(
            owning: try call { socket(AF_NETLINK, CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), family) })
        var on: CInt = 1
        let number = descriptor.rawValue
        // The first two make errors readable, the third makes dumps refuse a filter they do not
        // know; a kernel without them works all the same.
        for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK] {
            _ = setsockopt(number, SOL_NETLINK, option, &on, socklen_t(MemoryLayout<CInt>.size))
        }
        var limit = timeval(tv_sec: answerSecondsMax, tv_usec: 0)
        try call { setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size)) }
        return descriptor
    }

    /// Sends one request and waits for its acknowledgement. `step` says what was tried, with the object's name.
    package mutating func request(_ step: @autoclosure () -> String, _ message: NetlinkMessage) throws(Fault) {
        _ = try converse(step(), message, extraFlags: Int(NLM_F_REQUEST | NLM_F_ACK))
    }

    /// Sends one request and returns what the kernel answers before its acknowledgement.
    package mutating func query(_ step: @autoclosure () -> String, _ message: NetlinkMessage) throws(Fault) -> [NetlinkReply] {
        try converse(step(), message, extraFlags: Int(NLM_F_REQUEST | NLM_F_ACK))
    }

    /// Asks for all objects of a kind.
    package mutating func dump(_ step: @autoclosure () -> String, _ message: NetlinkMessage) throws(Fault) -> [NetlinkReply] {
        try converse(step(), message, extraFlags: Int(NLM_F_REQUEST | NLM_F_DUMP))
    }

    private mutating func converse(_ step: @autoclosure () -> String, _ message: NetlinkMessage, extraFlags: Int) throws(Fault) -> [NetlinkReply] {
        sequence &+= 1
        do {
            return try exchange(message.encoded(sequence: sequence, extraFlags: extraFlags))
        } catch { throw error.within(step()) }
    }

    private borrowing func exchange(_ bytes: [UInt8]) throws(Fault) -> [NetlinkReply] {
        var answers: [NetlinkReply] = []
        try system { () throws(Errno) in try descriptor.writeAll(bytes) }
        while true {
            for reply in NetlinkReply.parse(try system { () throws(Errno) in try receive() }) where reply.sequence == sequence {
                switch Int(reply.type) {
                case Int(NLMSG_ERROR), Int(NLMSG_DONE):
                    let (errno, text) = reply.acknowledgement
                    if errno != 0 { throw NetlinkSocket.refusal(errno, text) }
                    return answers
                default: answers.append(reply)
                }
            }
        }
    }

    private borrowing func system<Value>(_ body: () throws(Errno) -> Value) throws(Fault) -> Value {
        do throws(Errno) { return try body() } catch { throw Fault(.failed, error.description, errno: error.rawValue) }
    }

    private static func refusal(_ errno: Int32, _ text: String?) -> Fault {
        let meaning = Errno(rawValue: errno)
        let kind: FaultKind =
            switch meaning {
            case .notPermitted, .access: .forbidden
            case .noDevice, .noEntry: .notFound
            case .exists: .conflict
            case .notSupported, Errno(rawValue: EOPNOTSUPP), Errno(rawValue: EAFNOSUPPORT): .unsupported
            default: .failed
            }
        let detail = text.map { $0.isEmpty ? "" : " (\($0))" } ?? ""
        return Fault(kind, meaning.description + detail, errno: errno)
    }

    private borrowing func receive() throws(Errno) -> [UInt8] {
        let number = descriptor.rawValue
        return try withUnsafeTemporaryAllocation(byteCount: NetlinkSocket.answerBytesMax, alignment: 16) { buffer throws(Errno) in
            let got = try call { recv(number, buffer.baseAddress, buffer.count, 0) }
            return Array(buffer[..<got])
        }
    }
}
