// Handshake owns what the runtime and the container's init say to each other, and its encoding.
// Both are the same program, one cloned from the other, so nothing of it is stored or versioned.
//
//     runtime                                   init
//        |-- clone3 into the new namespaces ----->|
//        |                                        | waits only where the runtime has to do something first:
//        |-- proceed ---------------------------->| its ids are mapped now
//        |                                        | cgroup, namespaces, mounts, devices
//        |<------------------------------- warning|  any number of times
//        |<------------------------------ hooksDue|  only where there are hooks
//        | prestart, createRuntime hooks          |
//        |-- proceed ---------------------------->| createContainer hooks (or `hookFailed`), pivot_root,
//        |                                        | identity, capabilities, seccomp
//        |<------------------------------ listener|  only of a filter that asks an agent: its descriptor,
//        | the agent is told                      |  sent by a courier (ListenerHandover.swift)
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
    /// The filter is in force, and this is its notification descriptor, which the receiver owns.
    case listener(CInt)
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
        try sendAll(HandshakeSocket.frame(of: message))
    }

    private static func frame(of message: InitMessage) -> [UInt8] {
        let payload = message.encoded
        let count = UInt32(payload.count)
        return (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + payload
    }

    /// Sends a listener, from a process that must not close the socket.
    static func send(listener: CInt, on socket: CInt) throws(Errno) {
        let frame = frame(of: .listener(listener))
        let sent = try call { frame.withUnsafeBytes { cais_send_fds(socket, $0.baseAddress, $0.count, [listener], 1) } }
        // Five bytes into an empty stream are never sent in parts.
        guard sent == frame.count else { throw .io }
    }

    /// The next message; nil when the other side is gone.
    func receive() throws(Errno) -> InitMessage? {
        var passed: [CInt] = []
        defer { for stray in passed { close(stray) } }
        guard let head = try read(4, &passed) else { return nil }
        let count = head.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard count <= HandshakeSocket.messageBytesMax else { throw .tooBig }
        guard let payload = try read(count, &passed) else { return nil }
        guard let message = InitMessage(decoding: payload, descriptor: passed.first) else { throw .invalid }
        if case .listener = message { passed.removeFirst() }
        return message
    }

    /// Lets init go on.
    func sendProceed() throws(Errno) { try sendAll([1]) }

    /// Waits until init may go on; false when the runtime is gone.
    func waitForProceed() throws(Errno) -> Bool {
        var passed: [CInt] = []
        defer { for stray in passed { close(stray) } }
        return try read(1, &passed) != nil
    }

    private func sendAll(_ bytes: [UInt8]) throws(Errno) {
        // Never SIGPIPE: that the other side is gone is an error like any other.
        try UnixSocket.send(bytes, descriptors: [], on: descriptor)
    }

    private func read(_ count: Int, _ passed: inout [CInt]) throws(Errno) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let missing = count - bytes.count
            let part: (bytes: [UInt8], descriptors: [CInt])
            // It is gone and had not read all that was sent to it, which is as much an end as any.
            do throws(Errno) { part = try UnixSocket.receive(limit: missing, on: descriptor) } catch {
                if error == .connectionReset { return nil }
                throw error
            }
            passed += part.descriptors
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
        case .listener: return [5]
        }
    }

    private static func fields(of fault: Fault) -> [String] {
        [fault.kind.rawValue, String(fault.errno ?? 0), fault.reason] + fault.trail
    }

    /// - Parameter descriptor: what came beside the bytes.
    init?(decoding bytes: [UInt8], descriptor: CInt? = nil) {
        let fields = bytes.dropFirst().split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        switch bytes.first {
        case 1: self = .warning(fields[0])
        case 2: self = .hooksDue
        case 3: self = .ready
        case .some(let tag) where tag == 4 || tag == 6:
            guard fields.count > 3, let kind = FaultKind(rawValue: fields[0]), let errno = Int32(fields[1]) else { return nil }
            let fault = Fault(kind, fields[2], errno: errno == 0 ? nil : errno, trail: Array(fields[3..<(fields.count - 1)]))
            self = tag == 4 ? .failed(fault) : .hookFailed(fault)
        case 5:
            guard let descriptor else { return nil }
            self = .listener(descriptor)
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
