// RequestBody owns the reading of one request's body: bytes leave the socket only when asked for, so
// an upload never fills the memory.
import Faults
import NIOCore

/// The body of the request that a connection is serving.
struct RequestBody: Sendable {
    private let connection: Connection
    private let framing: RequestHead.BodyFraming

    init(connection: Connection, framing: RequestHead.BodyFraming) {
        self.connection = connection
        self.framing = framing
    }

    /// The next bytes; nil at the end.
    /// - Throws: `invalidArgument` for a malformed or cut-off body.
    func next() async throws(Fault) -> ByteBuffer? {
        if framing == .none { return nil }
        do {
            return try await connection.nextBodyPart()
        } catch let error as RequestRefused {
            throw Fault(.invalidArgument, error.message)
        } catch {
            throw Fault(.invalidArgument, "the request's body was cut off")
        }
    }

    /// The next bytes as an array; nil at the end.
    /// - Throws: as ``next()``.
    func nextBytes() async throws(Fault) -> [UInt8]? { try await next().map { Array($0.readableBytesView) } }

    /// The whole body.
    /// - Throws: `tooLarge` beyond the limit, and as ``next()``.
    func collect(limit: Int) async throws(Fault) -> [UInt8] {
        let tooLarge = Fault(.tooLarge, "the request's body is larger than \(limit) bytes")
        if case .length(let length) = framing, length > limit { throw tooLarge }
        var bytes: [UInt8] = []
        while let part = try await next() {
            guard bytes.count + part.readableBytes <= limit else { throw tooLarge }
            bytes += part.readableBytesView
        }
        return bytes
    }
}
