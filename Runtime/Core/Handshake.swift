// Handshake owns what the runtime and the container's init say to each other, and its encoding.
// Both are the same program, one cloned from the other, so nothing of it is stored or versioned.
//
//     runtime                                   init
//        |-- clone3 into the new namespaces ----->|
//        |                                        | waits only in a new user namespace:
//        |-- proceed ---------------------------->| its ids are mapped now
//        |                                        | cgroup, namespaces, mounts, devices
//        |<------------------------------- warning|  any number of times
//        |<------------------------------ hooksDue|  only where there are hooks
//        | prestart, createRuntime hooks          |
//        |-- proceed ---------------------------->| createContainer hooks (or `hookFailed`), pivot_root,
//        |                                        | identity, capabilities, seccomp
//        |<--------------------------------- ready|  or `failed`, or end of file: it died
//        | record, pid file; create returns       | waits at the gate (StartGate.swift)
//        |-- proceed ---------------------------->|  only for run, which has no gate
//
// An added process (exec) has no hooks and no gate: after `ready` the end of file says that the
// program runs, and `failed` that it does not.
import CLinux
import Faults
import Linux

/// What init tells the runtime.
enum InitMessage: Hashable, Sendable {
    /// Something asked for is missing and init goes on.
    case warning(String)
    /// The mounts are in place and the old root is still there.
    case hooksDue
    /// Everything up to the program is done.
    case ready
    /// A step failed, and init ends.
    case failed(Fault)
    /// A hook inside failed, and init ends; after `start` the container ends with it.
    case hookFailed(Fault)
}

/// One end of the socket between runtime and init.
struct HandshakeSocket: ~Copyable {
    /// The most bytes of one message: a fault's trail and sentence.
    static let messageBytesMax = 16_384

    let descriptor: FileDescriptor

    /// Tells the other side.
    func send(_ message: InitMessage) throws(Errno) {
        let payload = message.encoded
        let count = UInt32(payload.count)
        try sendAll((0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + payload)
    }

    /// The next message; nil when the other side is gone.
    func receive() throws(Errno) -> InitMessage? {
        guard let head = try read(4) else { return nil }
        let count = head.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard count <= HandshakeSocket.messageBytesMax else { throw .tooBig }
        guard let payload = try read(count) else { return nil }
        guard let message = InitMessage(decoding: payload) else { throw .invalid }
        return message
    }

    /// Lets init go on.
    func sendProceed() throws(Errno) { try sendAll([1]) }

    /// Waits until init may go on; false when the runtime is gone.
    func waitForProceed() throws(Errno) -> Bool { try read(1) != nil }

    private func sendAll(_ bytes: [UInt8]) throws(Errno) {
        // Never SIGPIPE: that the other side is gone is an error like any other.
        try UnixSocket.send(bytes, descriptors: [], on: descriptor)
    }

    private func read(_ count: Int) throws(Errno) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let missing = count - bytes.count
            let part: (bytes: [UInt8], descriptors: [CInt])
            // It is gone and had not read all that was sent to it, which is as much an end as any.
            do throws(Errno) { part = try UnixSocket.receive(limit: missing, on: descriptor) } catch {
                if error == .connectionReset { return nil }
                throw error
            }
            for stray in part.descriptors { close(stray) }
            if part.bytes.isEmpty { return nil }
            bytes += part.bytes
        }
        return bytes
    }
}

extension InitMessage {
    /// A tag and NUL-ended fields.
    var encoded: [UInt8] {
        switch self {
        case .warning(let text): return InitMessage.pack(1, [text])
        case .hooksDue: return [2]
        case .ready: return [3]
        case .failed(let fault): return InitMessage.pack(4, InitMessage.fields(of: fault))
        case .hookFailed(let fault): return InitMessage.pack(6, InitMessage.fields(of: fault))
        }
    }

    private static func fields(of fault: Fault) -> [String] {
        [fault.kind.rawValue, String(fault.errno ?? 0), fault.reason] + fault.trail
    }

    init?(decoding bytes: [UInt8]) {
        let fields = bytes.dropFirst().split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        switch bytes.first {
        case 1: self = .warning(fields[0])
        case 2: self = .hooksDue
        case 3: self = .ready
        case .some(let tag) where tag == 4 || tag == 6:
            guard fields.count > 3, let kind = FaultKind(rawValue: fields[0]), let errno = Int32(fields[1]) else { return nil }
            let fault = Fault(kind, fields[2], errno: errno == 0 ? nil : errno, trail: Array(fields[3..<(fields.count - 1)]))
            self = tag == 4 ? .failed(fault) : .hookFailed(fault)
        default: return nil
        }
    }

    private static func pack(_ tag: UInt8, _ fields: [String]) -> [UInt8] {
        var bytes = [tag]
        for field in fields {
            bytes += field.utf8.lazy.filter { $0 != 0 }.prefix(HandshakeSocket.messageBytesMax / 8)
            bytes.append(0)
        }
        return Array(bytes.prefix(HandshakeSocket.messageBytesMax))
    }
}
