/// A type that is read from a document without `Codable`. The programs that read a configuration
/// live for milliseconds, and the first use of each synthesized decoder makes the Swift runtime
/// build generic types and look for conformances by name: 25 µs a type, 0.6 ms for a configuration,
/// against 0.1 ms this way. A test reads a document with every property both ways.
protocol JSONReadable {
    /// Reads the object at a reader's node.
    init(_ object: JSONReader) throws
}

extension JSONReader {
    func checkObject() throws {
        guard isObject else { throw mismatch([String: Any].self, "an object") }
    }

    /// The member, which must be there.
    func needed(_ name: String) throws -> JSONReader {
        guard let member = tape.member(name, of: node) else {
            throw DecodingError.keyNotFound(JSONName(name), .init(codingPath: codingPath, debugDescription: "member \"\(name)\" is missing"))
        }
        return JSONReader(tape: tape, node: member)
    }

    /// The member, where it is there and not null.
    func present(_ name: String) -> JSONReader? {
        guard let member = tape.member(name, of: node) else { return nil }
        let reader = JSONReader(tape: tape, node: member)
        return reader.decodeNil() ? nil : reader
    }

    func string(_ name: String) throws -> String? { try present(name)?.decode(String.self) }
    func bool(_ name: String) throws -> Bool? { try present(name)?.decode(Bool.self) }
    func integer<Value: FixedWidthInteger>(_ name: String) throws -> Value? { try present(name)?.integer(Value.self) }
    func strings(_ name: String) throws -> [String]? { try present(name)?.strings() }
    func map(_ name: String) throws -> [String: String]? { try present(name)?.map() }
    func object<Value: JSONReadable>(_ name: String) throws -> Value? { try present(name).map { try Value($0) } }
    func objects<Value: JSONReadable>(_ name: String) throws -> [Value]? { try present(name)?.list { try Value($0) } }
    func word<Value: RawRepresentable & CaseIterable>(_ name: String) throws -> Value? where Value.RawValue == String {
        try present(name)?.word()
    }
    func words<Value: RawRepresentable & CaseIterable>(_ name: String) throws -> [Value]? where Value.RawValue == String {
        try present(name)?.list { try $0.word() }
    }
    func integers<Value: FixedWidthInteger>(_ name: String) throws -> [Value]? {
        try present(name)?.list { try $0.integer(Value.self) }
    }
    func objects<Value: JSONReadable>(byName name: String) throws -> [String: Value]? {
        guard let object = present(name) else { return nil }
        try object.checkObject()
        try object.checkNames()
        var result: [String: Value] = [:]
        for name in tape.names(of: object.node) { result[name] = try Value(object.needed(name)) }
        return result
    }

    /// A word of an enumeration.
    func word<Value: RawRepresentable & CaseIterable>() throws -> Value where Value.RawValue == String {
        let text = try decode(String.self)
        if let value = Value(rawValue: text) { return value }
        let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
        throw DecodingError.dataCorrupted(.init(codingPath: codingPath, debugDescription: "\"\(text)\" is not one of \(known)"))
    }

    /// The elements of the array at this node.
    func list<Value>(_ read: (JSONReader) throws -> Value) throws -> [Value] {
        var elements = try array()
        var result: [Value] = []
        result.reserveCapacity(elements.count ?? 0)
        while !elements.isAtEnd { result.append(try elements.next(read)) }
        return result
    }
}
