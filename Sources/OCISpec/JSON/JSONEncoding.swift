/// The place for one value in a document that is being written, as an `Encoder`.
struct JSONValueWriter: Encoder, SingleValueEncodingContainer {
    let writer: JSONWriter
    /// How many containers are around the value.
    let depth: Int

    var codingPath: [any CodingKey] { writer.codingPath }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(JSONObjectWriter<Key>(writer: writer, container: open(object: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONArrayWriter(writer: writer, container: open(object: false))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    /// Opening cannot throw in this protocol: the ticket that fits no container makes the first
    /// write throw, and the error is kept for a document that ends without one.
    private func open(object: Bool) -> JSONContainer {
        do {
            return try writer.open(object: object, at: depth)
        } catch {
            writer.keep(error)
            return JSONContainer(depth: depth, serial: -1)
        }
    }

    func encodeNil() { writer.write(word: "null") }
    func encode(_ value: Bool) { writer.write(word: value ? "true" : "false") }
    func encode(_ value: String) { writer.write(string: value) }
    func encode(_ value: Double) throws { try writer.write(number: value) }
    func encode(_ value: Float) throws { try writer.write(number: Double(value)) }
    func encode(_ value: Int) { writer.write(integer: value) }
    func encode(_ value: Int8) { writer.write(integer: value) }
    func encode(_ value: Int16) { writer.write(integer: value) }
    func encode(_ value: Int32) { writer.write(integer: value) }
    func encode(_ value: Int64) { writer.write(integer: value) }
    func encode(_ value: UInt) { writer.write(integer: value) }
    func encode(_ value: UInt8) { writer.write(integer: value) }
    func encode(_ value: UInt16) { writer.write(integer: value) }
    func encode(_ value: UInt32) { writer.write(integer: value) }
    func encode(_ value: UInt64) { writer.write(integer: value) }

    func encode<Value: Encodable>(_ value: Value) throws {
        // Lists of strings are most of a configuration; see the reader.
        if Value.self == [String].self, let strings = value as? [String] { return try encode(strings: strings) }
        let before = writer.text.count
        try value.encode(to: self)
        writer.close(to: depth)
        // A type without a single property may have asked for no container at all.
        if writer.text.count == before { writer.write(word: "{}") }
    }

    private func encode(strings: [String]) throws {
        let container = try writer.open(object: false, at: depth)
        for string in strings {
            try writer.begin(in: container)
            writer.write(string: string)
        }
        writer.close(to: depth)
    }
}

/// An object that is being written.
struct JSONObjectWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let writer: JSONWriter
    let container: JSONContainer

    var codingPath: [any CodingKey] { writer.codingPath }

    private func begin(_ key: some CodingKey) throws -> JSONValueWriter {
        try writer.begin(key.stringValue, in: container)
        return JSONValueWriter(writer: writer, depth: container.depth + 1)
    }

    func encodeNil(forKey key: Key) throws { try begin(key).encodeNil() }
    func encode(_ value: Bool, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: String, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: Double, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: Float, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: Int, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: Int8, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: Int16, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: Int32, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: Int64, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: UInt, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: UInt8, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: UInt16, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: UInt32, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: UInt64, forKey key: Key) throws { try begin(key).encode(value) }
    func encode(_ value: some Encodable, forKey key: Key) throws { try begin(key).encode(value) }

    // The protocol gives the next four no way to throw: the writer keeps the error for the end.
    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
        nested(key).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { nested(key).unkeyedContainer() }
    func superEncoder() -> any Encoder { nested(JSONName("super")) }
    func superEncoder(forKey key: Key) -> any Encoder { nested(key) }

    private func nested(_ key: some CodingKey) -> JSONValueWriter {
        do {
            return try begin(key)
        } catch {
            writer.keep(error)
            return JSONValueWriter(writer: writer, depth: .max)
        }
    }
}

/// An array that is being written.
struct JSONArrayWriter: UnkeyedEncodingContainer {
    let writer: JSONWriter
    let container: JSONContainer
    private(set) var count = 0

    init(writer: JSONWriter, container: JSONContainer) {
        self.writer = writer
        self.container = container
    }

    var codingPath: [any CodingKey] { writer.codingPath }

    private mutating func begin() throws -> JSONValueWriter {
        try writer.begin(in: container)
        count += 1
        return JSONValueWriter(writer: writer, depth: container.depth + 1)
    }

    mutating func encodeNil() throws { try begin().encodeNil() }
    mutating func encode(_ value: Bool) throws { try begin().encode(value) }
    mutating func encode(_ value: String) throws { try begin().encode(value) }
    mutating func encode(_ value: Double) throws { try begin().encode(value) }
    mutating func encode(_ value: Float) throws { try begin().encode(value) }
    mutating func encode(_ value: Int) throws { try begin().encode(value) }
    mutating func encode(_ value: Int8) throws { try begin().encode(value) }
    mutating func encode(_ value: Int16) throws { try begin().encode(value) }
    mutating func encode(_ value: Int32) throws { try begin().encode(value) }
    mutating func encode(_ value: Int64) throws { try begin().encode(value) }
    mutating func encode(_ value: UInt) throws { try begin().encode(value) }
    mutating func encode(_ value: UInt8) throws { try begin().encode(value) }
    mutating func encode(_ value: UInt16) throws { try begin().encode(value) }
    mutating func encode(_ value: UInt32) throws { try begin().encode(value) }
    mutating func encode(_ value: UInt64) throws { try begin().encode(value) }
    mutating func encode(_ value: some Encodable) throws { try begin().encode(value) }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        nested().container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { nested().unkeyedContainer() }
    mutating func superEncoder() -> any Encoder { nested() }

    private mutating func nested() -> JSONValueWriter {
        do {
            return try begin()
        } catch {
            writer.keep(error)
            return JSONValueWriter(writer: writer, depth: .max)
        }
    }
}
