import Faults

/// Takes the body of an answer out of the bytes on the wire, in pieces of any size. Pure: it
/// neither reads nor waits.
package struct BodyDecoder: Sendable {
    /// How the end of a body is known.
    package enum Length: Sendable, Hashable {
        /// So many bytes.
        case fixed(Int)
        /// Chunks until the empty one.
        case chunked
        /// Everything until the connection ends.
        case untilClose
    }

    private enum State {
        case payload(remaining: Int)
        case sizeLine([UInt8])
        case chunk(remaining: Int)
        case afterChunk(seen: Int)
        case trailer(lineLength: Int)
        case rest
        case complete
    }

    /// The most bytes in a chunk's size line.
    private static let sizeLineMax = 1024

    private var state: State

    /// Starts before the first byte of a body.
    package init(_ length: Length) {
        switch length {
        case .fixed(let count): state = count == 0 ? .complete : .payload(remaining: count)
        case .chunked: state = .sizeLine([])
        case .untilClose: state = .rest
        }
    }

    /// Whether the body has ended; never true of one that lasts until the connection closes.
    package var isComplete: Bool { if case .complete = state { true } else { false } }

    /// Whether the connection may end here without anything missing.
    package var mayEnd: Bool {
        switch state {
        case .complete, .rest: true
        case .payload, .sizeLine, .chunk, .afterChunk, .trailer: false
        }
    }

    /// The payload in `bytes` and how many of them belong to this body.
    /// - Throws: `failed` for a chunk that is none.
    package mutating func decode(_ bytes: ArraySlice<UInt8>) throws(Fault) -> (payload: [UInt8], consumed: Int) {
        var payload: [UInt8] = []
        var rest = bytes
        while let byte = rest.first {
            switch state {
            case .complete: return (payload, bytes.count - rest.count)
            case .rest:
                payload += rest
                return (payload, bytes.count)
            case .payload(let remaining):
                let take = rest.prefix(remaining)
                payload += take
                rest = rest.dropFirst(take.count)
                state = take.count == remaining ? .complete : .payload(remaining: remaining - take.count)
            case .chunk(let remaining):
                let take = rest.prefix(remaining)
                payload += take
                rest = rest.dropFirst(take.count)
                state = take.count == remaining ? .afterChunk(seen: 0) : .chunk(remaining: remaining - take.count)
            case .sizeLine(var line):
                rest = rest.dropFirst()
                if byte == 10 { state = try openChunk(line) } else {
                    line.append(byte)
                    guard line.count <= BodyDecoder.sizeLineMax else { throw BodyDecoder.malformed }
                    state = .sizeLine(line)
                }
            case .afterChunk(let seen):
                rest = rest.dropFirst()
                guard byte == (seen == 0 ? 13 : 10) else { throw BodyDecoder.malformed }
                state = seen == 0 ? .afterChunk(seen: 1) : .sizeLine([])
            case .trailer(let length):
                rest = rest.dropFirst()
                if byte == 10 { state = length == 0 ? .complete : .trailer(lineLength: 0) } else if byte != 13 {
                    state = .trailer(lineLength: length + 1)
                }
            }
        }
        return (payload, bytes.count)
    }

    private static let malformed = Fault(.failed, "the daemon's answer has a malformed chunk")

    private func openChunk(_ line: [UInt8]) throws(Fault) -> State {
        let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != 13 && $0 != 32 }
        guard !digits.isEmpty, let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0 else {
            throw BodyDecoder.malformed
        }
        return size == 0 ? .trailer(lineLength: 0) : .chunk(remaining: size)
    }
}
