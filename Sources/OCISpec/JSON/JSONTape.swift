/// One value, or one member's name, of a parsed document: where its bytes are and where the next
/// value begins. Sixteen bytes, so that a document's nodes stay in the processor's cache.
struct JSONNode {
    enum Kind: UInt8 {
        case null, yes, no, integer, fraction, string, array, object
    }

    /// The offset of its first byte; of a string's, the one behind the quotation mark.
    var start: UInt32
    /// Of a string or number, its bytes; of an array, its elements; of an object, the node at
    /// which the next search for a member begins.
    var extra: UInt32
    /// The node behind this one and all it holds.
    var next: UInt32
    var kind: Kind
    /// Whether a string has escapes, so that its bytes are not its text.
    var isEscaped: Bool
}

/// A parsed document: a copy of its bytes and its nodes in the order of the text, parents before
/// children, names before values. It outlives the call that made it for as long as a decoder does.
final class JSONTape {
    let bytes: UnsafeMutableBufferPointer<UInt8>
    let nodes: UnsafeMutableBufferPointer<JSONNode>
    /// Whether a string that is read may hold U+0000. The kernel ends a string there, so that what was checked would
    /// not be what is used.
    var allowsNUL = true

    init(bytes: UnsafeMutableBufferPointer<UInt8>, nodes: UnsafeMutableBufferPointer<JSONNode>) {
        self.bytes = bytes
        self.nodes = nodes
    }

    deinit {
        bytes.deallocate()
        nodes.deallocate()
    }

    /// The bytes of a string or number as they are in the text.
    @inline(__always)
    func raw(_ node: JSONNode) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: bytes[Int(node.start)..<Int(node.start + node.extra)])
    }

    /// The text of a string.
    @inline(__always)
    func text(_ node: JSONNode) -> String {
        node.isEscaped ? String(decoding: JSONText.unescape(raw(node)), as: UTF8.self) : String(decoding: raw(node), as: UTF8.self)
    }

    /// The node of the member `name` of an object, or nil. The search goes on where the last one
    /// ended, because members are mostly asked for in the order in which they were written.
    func member(_ name: String, of object: Int) -> Int? {
        var name = name
        return name.withUTF8 { wanted in
            let first = UInt32(object) + 1
            let end = nodes[object].next
            let from = nodes[object].extra
            return search(wanted, object: object, from: from, to: end) ?? search(wanted, object: object, from: first, to: from)
        }
    }

    private func search(_ wanted: UnsafeBufferPointer<UInt8>, object: Int, from: UInt32, to end: UInt32) -> Int? {
        var at = from
        while at < end {
            let name = nodes[Int(at)]
            let value = Int(at) + 1
            if matches(name, wanted) {
                nodes[object].extra = nodes[value].next
                return value
            }
            at = nodes[value].next
        }
        return nil
    }

    @inline(__always)
    private func matches(_ name: JSONNode, _ wanted: UnsafeBufferPointer<UInt8>) -> Bool {
        if name.isEscaped { return JSONText.unescape(raw(name)).elementsEqual(wanted) }
        return name.extra == UInt32(truncatingIfNeeded: wanted.count) && JSONText.equal(raw(name), wanted)
    }

    /// Whether the object has no member.
    func isEmptyObject(_ object: Int) -> Bool { nodes[object].next == UInt32(object) + 1 }

    /// The names of an object's members, in their order.
    func names(of object: Int) -> [String] {
        var names: [String] = []
        var at = object + 1
        while at < Int(nodes[object].next) {
            names.append(text(nodes[at]))
            at = Int(nodes[at + 1].next)
        }
        return names
    }
}
