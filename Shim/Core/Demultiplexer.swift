// Demultiplexer takes Docker's stream framing apart: eight bytes of header (stream, three zeros,
// length in big endian), then so many bytes.

/// The receiving side of a stream without a terminal.
package struct Demultiplexer: Sendable {
    private var header: [UInt8] = []
    private var remaining = 0
    private var stream = OutputStream.stdout

    /// Begins at a header.
    package init() {}

    /// The pieces in `bytes`; a frame may be spread over many calls. A stream of unknown number
    /// is shown as standard output.
    package mutating func take(_ bytes: ArraySlice<UInt8>) -> [(stream: OutputStream, bytes: ArraySlice<UInt8>)] {
        var pieces: [(stream: OutputStream, bytes: ArraySlice<UInt8>)] = []
        var rest = bytes
        while !rest.isEmpty {
            if remaining == 0 {
                let missing = 8 - header.count
                header.append(contentsOf: rest.prefix(missing))
                rest = rest.dropFirst(missing)
                guard header.count == 8 else { break }
                stream = OutputStream(rawValue: header[0]) ?? .stdout
                remaining = header[4..<8].reduce(0) { $0 << 8 | Int($1) }
                header.removeAll(keepingCapacity: true)
            } else {
                let piece = rest.prefix(remaining)
                pieces.append((stream, piece))
                remaining -= piece.count
                rest = rest.dropFirst(piece.count)
            }
        }
        return pieces
    }
}
