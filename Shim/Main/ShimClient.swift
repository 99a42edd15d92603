import CLinux
import Faults
import Linux
import OCISpec
import ShimProtocol

// ShimClient owns one connection to a supervisor, for a program that may wait for answers.

/// Asks a shim and hears its events.
final class ShimClient {
    private let socket: FileDescriptor
    private var lines = LineBuffer()
    private var lastID: UInt64 = 0
    private var events: [ShimEvent] = []
    /// Whether the shim has closed the connection.
    private(set) var isClosed = false

    /// Connects to the socket of a shim.
    init(_ path: String) throws(Fault) {
        do { socket = try UnixSocket.connect(path) } catch {
            let why = error == .connectionRefused ? "no supervisor answers (it has been killed)" : error.description
            throw Fault(error == .noEntry ? .notFound : .unavailable, why, errno: error.rawValue, trail: ["connect to \(path)"])
        }
    }

    /// The descriptor, for poll(2): readable when there may be events.
    var descriptor: CInt { socket.rawValue }

    /// Sends an order, with a descriptor beside it where one is given, and waits for the answer.
    /// - Throws: the shim's error.
    @discardableResult
    func ask(_ order: ShimRequest.Order, passing passed: CInt? = nil) throws(Fault) -> ShimReply.Outcome {
        lastID += 1
        let id = lastID
        let line = try LineCodec.encode(ShimRequest(id: id, order))
        do { try UnixSocket.send(line, descriptors: passed.map { [$0] } ?? [], on: socket) } catch { throw broken(error) }
        while true {
            guard let message = try nextMessage() else { throw Fault(.unavailable, "the supervisor has ended") }
            switch message {
            case .event(let event): events.append(event)
            case .reply(let reply) where reply.id == id:
                if case .failed(let fault) = reply.outcome { throw fault.fault }
                return reply.outcome
            case .reply: break
            }
        }
    }

    /// Reads what has arrived, after poll(2) said that something has.
    func receiveEvents() throws(Fault) {
        if try !receive() { isClosed = true }
    }

    /// The events that have been read and not been taken, those behind an answer too; does not wait.
    func takeEvents() throws(Fault) -> [ShimEvent] {
        while let line = try lines.next() {
            if case .event(let event) = try LineCodec.decode(ShimMessage.self, from: line) { events.append(event) }
        }
        defer { events = [] }
        return events
    }

    private func nextMessage() throws(Fault) -> ShimMessage? {
        while true {
            if let line = try lines.next() { return try LineCodec.decode(ShimMessage.self, from: line) }
            guard try receive() else {
                isClosed = true
                return nil
            }
        }
    }

    private func receive() throws(Fault) -> Bool {
        do {
            let (bytes, descriptors) = try UnixSocket.receive(limit: 65_536, on: socket)
            for number in descriptors { close(number) }
            lines.append(bytes)
            return !bytes.isEmpty
        } catch {
            if error == .connectionReset { return false }
            throw broken(error)
        }
    }

    private func broken(_ error: Errno) -> Fault {
        Fault(.unavailable, error.description, errno: error.rawValue, trail: ["talk to the supervisor"])
    }
}
