// How Go's zero values, nulls and omitted members look on the wire, said once per property
// instead of in a hand-written coder per type.

/// A value with the zero that docker's clients and engine put where nothing was said.
public protocol ZeroValue: Codable, Hashable {
    /// What an absent or null member means.
    static var zero: Self { get }
}

extension String: ZeroValue { public static var zero: String { "" } }
extension Bool: ZeroValue { public static var zero: Bool { false } }
extension Int: ZeroValue { public static var zero: Int { 0 } }
extension Int64: ZeroValue { public static var zero: Int64 { 0 } }
extension UInt16: ZeroValue { public static var zero: UInt16 { 0 } }
extension UInt64: ZeroValue { public static var zero: UInt64 { 0 } }
extension Array: ZeroValue where Element: Codable & Hashable { public static var zero: [Element] { [] } }
extension Dictionary: ZeroValue where Key == String, Value: Codable & Hashable {
    public static var zero: [String: Value] { [:] }
}

/// Always sent; absent or null reads as zero.
@propertyWrapper
public struct Zero<Value: ZeroValue & Sendable>: Codable, Hashable, Sendable {
    /// The value itself.
    public var wrappedValue: Value

    /// Starts at zero.
    public init() { wrappedValue = .zero }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? .zero : try container.decode(Value.self)
    }

    public func encode(to encoder: any Encoder) throws { try wrappedValue.encode(to: encoder) }
}

/// Sent unless zero; absent or null reads as zero.
@propertyWrapper
public struct OmitZero<Value: ZeroValue & Sendable>: Codable, Hashable, Sendable {
    /// The value itself.
    public var wrappedValue: Value

    /// Starts at zero.
    public init() { wrappedValue = .zero }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? .zero : try container.decode(Value.self)
    }

    public func encode(to encoder: any Encoder) throws { try wrappedValue.encode(to: encoder) }
}

/// Always sent, as null where there is no value.
@propertyWrapper
public struct Null<Value: Codable & Hashable & Sendable>: Codable, Hashable, Sendable {
    /// The value itself.
    public var wrappedValue: Value?

    /// Starts without a value.
    public init() { wrappedValue = nil }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

/// A list that clients may send as one bare string; sent as a list, or null where there is none.
@propertyWrapper
public struct StringList: Codable, Hashable, Sendable {
    /// The list itself.
    public var wrappedValue: [String]?

    /// Starts without a list.
    public init() { wrappedValue = nil }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            wrappedValue = nil
        } else if let list = try? container.decode([String].self) {  // Not a list: then it must be a string.
            wrappedValue = list
        } else {
            wrappedValue = [try container.decode(String.self)]
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

// The synthesised coders pick these overloads for wrapped properties: a member may be absent.
extension KeyedDecodingContainer {
    /// Absent reads as zero.
    public func decode<Value>(_ type: Zero<Value>.Type, forKey key: Key) throws -> Zero<Value> {
        try decodeIfPresent(type, forKey: key) ?? Zero()
    }

    /// Absent reads as zero.
    public func decode<Value>(_ type: OmitZero<Value>.Type, forKey key: Key) throws -> OmitZero<Value> {
        try decodeIfPresent(type, forKey: key) ?? OmitZero()
    }

    /// Absent reads as nothing.
    public func decode<Value>(_ type: Null<Value>.Type, forKey key: Key) throws -> Null<Value> {
        try decodeIfPresent(type, forKey: key) ?? Null()
    }

    /// Absent reads as nothing.
    public func decode(_ type: StringList.Type, forKey key: Key) throws -> StringList {
        try decodeIfPresent(type, forKey: key) ?? StringList()
    }
}

extension KeyedEncodingContainer {
    /// Leaves zero out.
    public mutating func encode<Value>(_ value: OmitZero<Value>, forKey key: Key) throws {
        if value.wrappedValue != .zero { try encode(value.wrappedValue, forKey: key) }
    }
}
