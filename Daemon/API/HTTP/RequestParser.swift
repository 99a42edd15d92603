// RequestParser owns the bytes of a connection up to the end of one request, and stops there: what
// follows is the next request or, after a hijack, the raw stream, and only its caller knows which.
// A value without I/O.
import NIOCore

/// Takes requests out of a byte stream, one at a time.
///
///     head ──► body* ──► end ──► (finished: gives nothing more) ──resume()──► head …
struct RequestParser {
    /// What comes out.
    enum Event: Equatable {
        case head(RequestHead)
        case body(ByteBuffer)
        case end
    }

    private enum State {
        case head
        case body(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
        case trailers(count: Int)
        case ending
        case finished
        case refused
    }

    /// Bytes of a head at most.
    static let headBytesMax = 64 << 10
    /// Bytes of a chunk's size line or of one trailer at most.
    static let lineBytesMax = 4 << 10
    /// Trailers at most.
    static let trailerCountMax = 32
    /// Bytes of one piece of body at most.
    static let pieceBytesMax = 256 << 10

    private var state = State.head
    private var buffer = ByteBuffer()

    /// Where the search for the end of the head goes on, relative to the reader index.
    private var searched = 0

    /// Bytes that are kept.
    var bufferedCount: Int { buffer.readableBytes }

    /// Whether nothing of a next request has arrived.
    var isIdle: Bool {
        if case .head = state { return buffer.readableBytes == 0 }
        return false
    }

    /// Whether the request has been given out to its end.
    var isFinished: Bool {
        if case .finished = state { return true }
        return false
    }

    /// Takes bytes in.
    mutating func append(_ bytes: consuming ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// Goes on to the next request.
    mutating func resume() {
        guard isFinished else { return }
        state = .head
        searched = 0
        buffer.discardReadBytes()
    }

    /// Gives up what has arrived after the request.
    mutating func takeRest() -> ByteBuffer {
        defer { buffer = ByteBuffer() }
        return buffer
    }

    /// The next part; nil when it needs more bytes, or is finished.
    /// - Throws: what the client is to be answered, after which nothing more comes out.
    mutating func next() throws(RequestRefused) -> Event? {
        do {
            return try step()
        } catch {
            state = .refused
            throw error
        }
    }

    private mutating func step() throws(RequestRefused) -> Event? {
        while true {
            switch state {
            case .head:
                guard let head = try takeHead() else { return nil }
                switch head.framing {
                case .none: state = .ending
                case .length(let length): state = .body(remaining: length)
                case .chunked: state = .chunkSize
                }
                return .head(head)
            case .body(let remaining):
                guard let piece = takePiece(remaining) else { return nil }
                state = piece.readableBytes == remaining ? .ending : .body(remaining: remaining - piece.readableBytes)
                return .body(piece)
            case .chunkSize:
                guard let line = try takeLine() else { return nil }
                let size = try chunkSize(line)
                state = size == 0 ? .trailers(count: 0) : .chunk(remaining: size)
            case .chunk(let remaining):
                guard let piece = takePiece(remaining) else { return nil }
                state = piece.readableBytes == remaining ? .chunkEnd : .chunk(remaining: remaining - piece.readableBytes)
                return .body(piece)
            case .chunkEnd:
                guard let line = try takeLine() else { return nil }
                guard line.isEmpty else { throw RequestRefused(400, "a chunk of the body is longer than its size") }
                state = .chunkSize
            case .trailers(let count):
                guard let line = try takeLine() else { return nil }
                guard count < Self.trailerCountMax else { throw RequestRefused(400, "the body has too many trailers") }
                state = line.isEmpty ? .ending : .trailers(count: count + 1)
            case .ending:
                state = .finished
                return .end
            case .finished, .refused:
                return nil
            }
        }
    }

    private mutating func takeHead() throws(RequestRefused) -> RequestHead? {
        // Empty lines in front of a request are allowed; clients used to send them after a body.
        while buffer.readableBytes >= 2, searched == 0, buffer.getBytes(at: buffer.readerIndex, length: 2) == [13, 10] {
            buffer.moveReaderIndex(forwardBy: 2)
        }
        // No method begins so: a TLS greeting, say. It would be waited for in vain.
        if let first = buffer.readableBytesView.first, first != 13, !HeadParser.isToken(first) {
            throw RequestRefused(400, "malformed request line: is TLS spoken to a plain socket?")
        }
        guard let length = headLength() else {
            guard buffer.readableBytes <= Self.headBytesMax else {
                throw RequestRefused(431, "the request's head is longer than \(Self.headBytesMax) bytes")
            }
            return nil
        }
        guard length <= Self.headBytesMax, let bytes = buffer.readBytes(length: length) else {
            throw RequestRefused(431, "the request's head is longer than \(Self.headBytesMax) bytes")
        }
        return try HeadParser.parse(bytes)
    }

    /// Bytes up to and with the empty line. A bare line feed ends the head too, so that the head's
    /// parser sees and refuses it at once.
    private mutating func headLength() -> Int? {
        let view = buffer.readableBytesView
        var index = view.startIndex + max(0, searched - 3)
        while index < view.endIndex {
            if view[index] == 10 {
                let previous = index > view.startIndex ? view[index - 1] : 0
                let before = index > view.startIndex + 1 ? view[index - 2] : 0
                if previous == 10 || (previous == 13 && before == 10) { return index - view.startIndex + 1 }
                if previous != 13 { return index - view.startIndex + 1 }
            }
            index += 1
        }
        searched = view.count
        return nil
    }

    private mutating func takePiece(_ remaining: Int) -> ByteBuffer? {
        let count = min(remaining, buffer.readableBytes, Self.pieceBytesMax)
        return count > 0 ? buffer.readSlice(length: count) : nil
    }

    private mutating func takeLine() throws(RequestRefused) -> [UInt8]? {
        let view = buffer.readableBytesView
        guard let feed = view.prefix(Self.lineBytesMax).firstIndex(of: 10) else {
            guard view.count < Self.lineBytesMax else { throw RequestRefused(400, "a line of the chunked body is too long") }
            return nil
        }
        guard let line = buffer.readBytes(length: feed - view.startIndex + 1), line.count >= 2, line[line.count - 2] == 13 else {
            throw RequestRefused(400, "a line of the chunked body ends without a carriage return")
        }
        return Array(line.dropLast(2))
    }

    private func chunkSize(_ line: [UInt8]) throws(RequestRefused) -> Int {
        let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != 32 && $0 != 9 }
        let rest = line.dropFirst(digits.count).drop { $0 == 32 || $0 == 9 }
        guard rest.isEmpty || rest.first == UInt8(ascii: ";"), (1...15).contains(digits.count) else {
            throw RequestRefused(400, "malformed chunk size")
        }
        var size = 0
        for digit in digits {
            guard let value = Self.hexadecimalValue(digit) else { throw RequestRefused(400, "malformed chunk size") }
            size = size << 4 | value
        }
        return size
    }

    private static func hexadecimalValue(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x46: Int(byte) - 0x37
        case 0x61...0x66: Int(byte) - 0x57
        default: nil
        }
    }
}
