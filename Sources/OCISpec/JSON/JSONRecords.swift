// Records that programs living for milliseconds keep and read again, without `Codable`: the first use of
// each synthesized coder costs more than the whole of it (JSONReadable.swift has the figures).
import Faults

extension JSON {
    /// Reads the object that `bytes` hold, member by member.
    /// - Throws: as `decode`.
    package static func members<Value>(
        of bytes: [UInt8], limits: JSONLimits = .standard, _ body: (JSONMembers) throws -> Value
    ) throws(Fault) -> Value {
        try read(bytes, limits) { (reader: JSONReader) in try body(JSONMembers(reader)) }
    }
}

/// The members of one object of a document, by name; one that is absent or null is nil.
package struct JSONMembers {
    private let reader: JSONReader

    init(_ reader: JSONReader) throws {
        try reader.checkObject()
        self.reader = reader
    }

    /// A string that must be there.
    package func string(needed name: String) throws -> String { try reader.needed(name).decode(String.self) }
    /// A string.
    package func string(_ name: String) throws -> String? { try reader.string(name) }
    /// True or false.
    package func bool(_ name: String) throws -> Bool? { try reader.bool(name) }
    /// A list of strings.
    package func strings(_ name: String) throws -> [String]? { try reader.strings(name) }
    /// An object of strings.
    package func map(_ name: String) throws -> [String: String]? { try reader.map(name) }
    // One for each type that is kept: with a parameter they would go through each type's table of functions.
    /// A whole number that must be there.
    package func integer(needed name: String) throws -> Int { try reader.needed(name).integer(Int.self) }
    /// A whole number that must be there.
    package func integer(needed name: String) throws -> Int32 { try reader.needed(name).integer(Int32.self) }
    /// A whole number that must be there.
    package func integer(needed name: String) throws -> UInt32 { try reader.needed(name).integer(UInt32.self) }
    /// A whole number that must be there.
    package func integer(needed name: String) throws -> UInt64 { try reader.needed(name).integer(UInt64.self) }
    /// Hooks of one kind.
    package func hooks(_ name: String) throws -> [RuntimeSpec.Hook]? { try reader.objects(name) }

    /// An object.
    package func object<Value>(_ name: String, _ read: (JSONMembers) throws -> Value) throws -> Value? {
        guard let member = reader.present(name) else { return nil }
        return try read(JSONMembers(member))
    }

    /// A list of objects.
    package func objects<Value>(_ name: String, _ read: (JSONMembers) throws -> Value) throws -> [Value]? {
        guard let member = reader.present(name) else { return nil }
        return try member.list { try read(JSONMembers($0)) }
    }
}

/// The text of one object as it grows. What is nil is left out.
package struct JSONObjectText {
    private var text: [UInt8] = [UInt8(ascii: "{")]

    /// An object without members.
    package init() {}

    /// The finished object.
    package var bytes: [UInt8] { text + [UInt8(ascii: "}")] }

    private mutating func begin(_ name: StaticString) {
        if text.count > 1 { text.append(UInt8(ascii: ",")) }
        text.append(UInt8(ascii: "\""))
        text += UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        text.append(UInt8(ascii: "\""))
        text.append(UInt8(ascii: ":"))
    }

    /// Adds a string. A name is written as it is, so it has nothing to escape.
    package mutating func add(_ name: StaticString, _ value: String?) {
        guard let value else { return }
        begin(name)
        JSONText.append(quoted: value, to: &text)
    }

    /// Adds a whole number.
    package mutating func add(_ name: StaticString, integer value: Int?) {
        guard let value else { return }
        begin(name)
        if value < 0 { text.append(UInt8(ascii: "-")) }
        JSONText.append(decimal: UInt64(value.magnitude), to: &text)
    }

    /// Adds a whole number.
    package mutating func add(_ name: StaticString, integer value: UInt64?) {
        guard let value else { return }
        begin(name)
        JSONText.append(decimal: value, to: &text)
    }

    /// Adds true or false.
    package mutating func add(_ name: StaticString, bool value: Bool?) {
        guard let value else { return }
        begin(name)
        text += (value ? "true" : "false").utf8
    }

    /// Adds a list of strings.
    package mutating func add(_ name: StaticString, strings: [String]?) {
        guard let strings else { return }
        begin(name)
        list(strings) { JSONText.append(quoted: $0, to: &$1) }
    }

    /// Adds an object of strings.
    package mutating func add(_ name: StaticString, map: [String: String]?) {
        guard let map else { return }
        begin(name)
        text.append(UInt8(ascii: "{"))
        var isFirst = true
        for (key, value) in map {
            if !isFirst { text.append(UInt8(ascii: ",")) }
            isFirst = false
            JSONText.append(quoted: key, to: &text)
            text.append(UInt8(ascii: ":"))
            JSONText.append(quoted: value, to: &text)
        }
        text.append(UInt8(ascii: "}"))
    }

    /// Adds an object.
    package mutating func add(_ name: StaticString, object: JSONObjectText?) {
        guard let object else { return }
        begin(name)
        text += object.bytes
    }

    /// Adds a list of objects.
    package mutating func add(_ name: StaticString, objects: [JSONObjectText]?) {
        guard let objects else { return }
        begin(name)
        list(objects) { $1 += $0.bytes }
    }

    /// Adds hooks of one kind.
    package mutating func add(_ name: StaticString, hooks: [RuntimeSpec.Hook]?) {
        add(name, objects: hooks.map { $0.map(JSONObjectText.init) })
    }

    private init(_ hook: RuntimeSpec.Hook) {
        add("path", hook.path)
        add("args", strings: hook.args)
        add("env", strings: hook.env)
        add("timeout", integer: hook.timeout)
    }

    private mutating func list<Element>(_ elements: [Element], _ append: (Element, inout [UInt8]) -> Void) {
        text.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            append(element, &text)
        }
        text.append(UInt8(ascii: "]"))
    }
}
