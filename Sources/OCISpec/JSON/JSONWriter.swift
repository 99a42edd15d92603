/// The text of a document as it grows, and the objects and arrays that are still open. Containers
/// are filled in order: one that writes closes every container opened inside it before, and a
/// closed one that is written to is an error, not a broken document.
final class JSONWriter {
    /// An open object or array.
    private struct Frame {
        let isObject: Bool
        /// Tells this container from an earlier one at the same depth.
        let serial: Int
        var isEmpty = true
        var name = ""
        var index = -1
        /// Where each member's name begins, kept only where members will be sorted.
        var members: [Int] = []
    }

    private(set) var text: [UInt8] = []
    /// The first wrong use that the protocol it came through had no way to throw.
    private(set) var failure: (any Error)?
    private var frames: [Frame] = []
    private var serials = 0
    private let pretty: Bool
    private let sortedKeys: Bool

    init(pretty: Bool, sortedKeys: Bool) {
        self.pretty = pretty
        self.sortedKeys = sortedKeys
        text.reserveCapacity(1_024)
    }

    /// How many containers are open.
    var depth: Int { frames.count }

    // MARK: - Containers

    /// Opens a container as the value at `depth`, or goes on with the one that is already there.
    func open(object: Bool, at depth: Int) throws -> JSONContainer {
        if frames.count > depth {
            guard frames[depth].isObject == object else { throw misuse("one value is an object and an array") }
            return JSONContainer(depth: depth, serial: frames[depth].serial)
        }
        guard frames.count == depth else { throw misuse("a value is written to after its container was closed") }
        serials += 1
        frames.append(Frame(isObject: object, serial: serials))
        text.append(UInt8(ascii: object ? "{" : "["))
        return JSONContainer(depth: depth, serial: serials)
    }

    /// Closes the containers deeper than `depth`.
    func close(to depth: Int) {
        while frames.count > depth {
            if sortedKeys { sortMembers() }
            let frame = frames.removeLast()
            if pretty && !frame.isEmpty { newLine() }
            text.append(UInt8(ascii: frame.isObject ? "}" : "]"))
        }
    }

    /// Begins a member: what is written next is its value.
    func begin(_ name: String, in container: JSONContainer) throws {
        try enter(container)
        let last = frames.count - 1
        frames[last].name = name
        if sortedKeys { frames[last].members.append(text.count) }
        write(string: name)
        text.append(UInt8(ascii: ":"))
        if pretty { text.append(UInt8(ascii: " ")) }
    }

    /// Begins an element: what is written next is its value.
    func begin(in container: JSONContainer) throws {
        try enter(container)
        frames[frames.count - 1].index += 1
    }

    private func enter(_ container: JSONContainer) throws {
        guard frames.count > container.depth, frames[container.depth].serial == container.serial else {
            throw misuse("a container is written to after the next value was begun")
        }
        close(to: container.depth + 1)
        if !frames[container.depth].isEmpty { text.append(UInt8(ascii: ",")) }
        frames[container.depth].isEmpty = false
        if pretty { newLine() }
    }

    private func newLine() {
        text.append(0x0A)
        for _ in frames { text += [0x20, 0x20] }
    }

    /// Puts the members of the innermost object into the order of their names' bytes.
    private func sortMembers() {
        guard let frame = frames.last, frame.members.count > 1 else { return }
        let starts = frame.members
        // Members end before the comma and the white space in front of the next one.
        let separator = 1 + (pretty ? 1 + 2 * frames.count : 0)
        let ends = starts.dropFirst().map { $0 - separator } + [text.count]
        let members = zip(starts, ends).map { Array(text[$0..<$1]) }
        let sorted = zip(members.map(Self.nameBytes), members).sorted { $0.0.lexicographicallyPrecedes($1.0) }
        let between = Array(text[ends[0]..<starts[1]])
        text.removeSubrange(starts[0]...)
        for (index, member) in sorted.enumerated() {
            if index > 0 { text += between }
            text += member.1
        }
    }

    /// The bytes of a written member's name, which are in its first string.
    private static func nameBytes(_ member: [UInt8]) -> [UInt8] {
        var end = 1
        while member[end] != UInt8(ascii: "\"") { end += member[end] == UInt8(ascii: "\\") ? 2 : 1 }
        return member[1..<end].withUnsafeBufferPointer { JSONText.unescape($0) }
    }

    // MARK: - Scalars

    func write(word: StaticString) { text += UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount) }

    func write(integer: some FixedWidthInteger) { text += integer.description.utf8 }

    /// - Throws: for what JSON has no number for.
    func write(number: Double) throws {
        guard number.isFinite else {
            throw EncodingError.invalidValue(number, .init(codingPath: codingPath, debugDescription: "JSON has no number for \(number)"))
        }
        text += number.description.utf8
    }

    func write(string: String) { JSONText.append(quoted: string, to: &text) }

    // MARK: - Places

    var codingPath: [any CodingKey] {
        frames.map { $0.isObject ? JSONName($0.name) as any CodingKey : JSONIndex($0.index) }
    }

    /// Keeps an error that cannot be thrown where it happened; the document is not used then.
    func keep(_ error: any Error) { failure = failure ?? error }

    private func misuse(_ reason: String) -> EncodingError {
        .invalidValue(self, .init(codingPath: codingPath, debugDescription: reason))
    }
}

/// A ticket for one container that was opened.
struct JSONContainer {
    let depth: Int
    let serial: Int
}
