import Faults
import OCISpec

// LineCodec turns messages into lines and bytes into lines. It reads and writes nothing.

/// One message is one line of JSON, ended by a newline.
package enum LineCodec {
    /// The longest line, its newline included, that either side takes.
    package static let lineBytesMax = 1 << 20

    /// A message as a line, newline included.
    /// - Throws: `Fault(.tooLarge)` for a message that the other side would refuse.
    package static func encode(_ message: some Encodable) throws(Fault) -> [UInt8] {
        var line = try JSON.encode(message)
        line.append(UInt8(ascii: "\n"))
        guard line.count <= lineBytesMax else {
            throw Fault(.tooLarge, "a message of \(line.count) bytes; at most \(lineBytesMax) are allowed")
        }
        return line
    }

    /// The message of a line, with or without its newline.
    package static func decode<Message: Decodable>(_ type: Message.Type, from line: [UInt8]) throws(Fault) -> Message {
        try JSON.decode(type, from: line)
    }
}

/// Collects bytes as they arrive and gives out whole lines.
package struct LineBuffer: Sendable {
    private var bytes: [UInt8] = []
    private var searched = 0

    /// An empty buffer.
    package init() {}

    /// The bytes that belong to no line yet.
    package var rest: [UInt8] { bytes }

    /// Adds what was received.
    package mutating func append(_ received: some Sequence<UInt8>) { bytes.append(contentsOf: received) }

    /// The next whole line without its newline, nil when there is none yet.
    /// - Throws: `Fault(.tooLarge)` when the line in the making is longer than allowed; the
    ///   connection cannot go on then.
    package mutating func next() throws(Fault) -> [UInt8]? {
        guard let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = bytes.count
            guard bytes.count < LineCodec.lineBytesMax else { throw Fault(.tooLarge, "a line longer than \(LineCodec.lineBytesMax) bytes") }
            return nil
        }
        guard end < LineCodec.lineBytesMax else { throw Fault(.tooLarge, "a line longer than \(LineCodec.lineBytesMax) bytes") }
        let line = Array(bytes[..<end])
        bytes.removeSubrange(...end)
        searched = 0
        return line
    }

    /// Takes what was received beyond the last line, when the connection becomes a raw stream.
    package mutating func takeRest() -> [UInt8] {
        defer {
            bytes = []
            searched = 0
        }
        return bytes
    }
}
