/// One value of a document as a `Decoder`. Where it is in the document is worked out only when an
/// error asks for it: two words are all that is passed down.
struct JSONReader: Decoder, SingleValueDecodingContainer {
    let tape: JSONTape
    let node: Int

    var codingPath: [any CodingKey] { tape.path(to: node) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    @inline(__always)
    private var value: JSONNode { tape.nodes[node] }

    var isObject: Bool { value.kind == .object }

    // MARK: - Decoder

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard value.kind == .object else { throw mismatch([String: Any].self, "an object") }
        return KeyedDecodingContainer(JSONObjectReader<Key>(tape: tape, node: node))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try array() }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

    func array() throws -> JSONArrayReader {
        guard value.kind == .array else { throw mismatch([Any].self, "an array") }
        return JSONArrayReader(tape: tape, array: node)
    }

    // MARK: - Values

    func decodeNil() -> Bool { value.kind == .null }

    func decode(_ type: Bool.Type) throws -> Bool {
        switch value.kind {
        case .yes: true
        case .no: false
        case .null, .integer, .fraction, .string, .array, .object: throw mismatch(type, "true or false")
        }
    }

    func decode(_ type: String.Type) throws -> String {
        guard value.kind == .string else { throw mismatch(type, "a string") }
        let text = tape.text(value)
        if value.isEscaped { try checkNUL(text, "a string") }
        return text
    }

    func decode(_ type: Double.Type) throws -> Double {
        guard value.kind == .integer || value.kind == .fraction else { throw mismatch(type, "a number") }
        guard let number = JSONNumber.double(tape.raw(value)) else { throw mismatch(type, "a number below 1.8e308") }
        return number
    }

    func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }
    func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }

    @inline(__always)
    func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
        // 1.0 and 1e3 are refused, as every peer in Go refuses them.
        if value.kind == .integer, let number: Value = JSONNumber.integer(tape.raw(value)) { return number }
        throw mismatch(type, "an integer from \(Value.min) to \(Value.max)")
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        // Most of a configuration is lists and maps of strings, and the general way makes a
        // container on the heap and an existential for each of their elements.
        if type == [String].self, let strings = try strings() as? Value { return strings }
        if type == [String: String].self, let map = try map() as? Value { return map }
        if type == JSONValue.self, let any = try tape.value(node) as? Value { return any }
        return try Value(from: self)
    }

    func strings() throws -> [String] {
        guard value.kind == .array else { throw mismatch([Any].self, "an array") }
        var result: [String] = []
        result.reserveCapacity(Int(value.extra))
        // The elements are strings, or one of them throws: each is the one node behind the last.
        for element in 0..<Int(value.extra) {
            result.append(try JSONReader(tape: tape, node: node + 1 + element).decode(String.self))
        }
        return result
    }

    func map() throws -> [String: String] {
        guard value.kind == .object else { throw mismatch([String: Any].self, "an object") }
        try checkNames()
        var result: [String: String] = [:]
        // Each member is two nodes, its name and the string, or one of them throws.
        for name in stride(from: node + 1, to: Int(value.next), by: 2) {
            result[tape.text(tape.nodes[name])] = try JSONReader(tape: tape, node: name + 1).decode(String.self)
        }
        return result
    }

    // MARK: - Errors

    private func checkNUL(_ text: String, _ what: String) throws {
        guard !tape.allowsNUL && text.utf8.contains(0) else { return }
        throw DecodingError.dataCorrupted(.init(codingPath: codingPath, debugDescription: "\(what) with a NUL byte"))
    }

    /// Refuses an object whose members' names are data, where one has a byte that no string may have.
    func checkNames() throws {
        var name = node + 1
        while !tape.allowsNUL && name < Int(value.next) {
            if tape.nodes[name].isEscaped { try JSONReader(tape: tape, node: name + 1).checkNUL(tape.text(tape.nodes[name]), "a name") }
            name = Int(tape.nodes[name + 1].next)
        }
    }

    func mismatch(_ type: Any.Type, _ expected: String) -> DecodingError {
        .typeMismatch(type, .init(codingPath: codingPath, debugDescription: "expected \(expected), found \(found)"))
    }

    private var found: String {
        switch value.kind {
        case .null: "null"
        case .yes: "true"
        case .no: "false"
        case .integer, .fraction: String(decoding: tape.raw(value).prefix(40), as: UTF8.self)
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONTape {
    /// The way from the root to a node.
    func path(to target: Int) -> [any CodingKey] {
        var path: [any CodingKey] = []
        var at = 0
        while at != target {
            let container = nodes[at]
            var child = at + 1
            if container.kind == .array {
                var index = 0
                while Int(nodes[child].next) <= target { (child, index) = (Int(nodes[child].next), index + 1) }
                path.append(JSONIndex(index))
            } else {
                while Int(nodes[child + 1].next) <= target { child = Int(nodes[child + 1].next) }
                path.append(JSONName(text(nodes[child])))
                child += 1
            }
            at = child
        }
        return path
    }

    /// The node at the end of a path, or the last one on the way that exists.
    func node(at path: [any CodingKey]) -> Int {
        var at = 0
        for key in path {
            switch nodes[at].kind {
            case .array:
                guard let index = key.intValue, (0..<Int(nodes[at].extra)).contains(index) else { return at }
                at += 1
                for _ in 0..<index { at = Int(nodes[at].next) }
            case .object:
                guard let member = member(key.stringValue, of: at) else { return at }
                at = member
            case .null, .yes, .no, .integer, .fraction, .string:
                return at
            }
        }
        return at
    }

    /// A node and all it holds, without `Codable`.
    func value(_ at: Int) throws -> JSONValue {
        let node = nodes[at]
        switch node.kind {
        case .null: return .null
        case .yes: return .bool(true)
        case .no: return .bool(false)
        case .integer:
            if let value: Int64 = JSONNumber.integer(raw(node)) { return .integer(value) }
            if let value: UInt64 = JSONNumber.integer(raw(node)) { return .unsigned(value) }
            return .number(try JSONReader(tape: self, node: at).decode(Double.self))
        case .fraction:
            return .number(try JSONReader(tape: self, node: at).decode(Double.self))
        case .string: return .string(text(node))
        case .array:
            var elements: [JSONValue] = []
            elements.reserveCapacity(Int(node.extra))
            var child = at + 1
            while child < Int(node.next) {
                elements.append(try value(child))
                child = Int(nodes[child].next)
            }
            return .array(elements)
        case .object:
            var members: [JSONMember] = []
            var child = at + 1
            while child < Int(node.next) {
                members.append(JSONMember(name: text(nodes[child]), value: try value(child + 1)))
                child = Int(nodes[child + 1].next)
            }
            return .object(members)
        }
    }
}
