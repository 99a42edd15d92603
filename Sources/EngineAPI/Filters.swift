// Filters owns the `filters` query parameter in both encodings that clients send, and how its
// values are matched; which filters a listing knows is the listing's business.
import Faults
import OCISpec

/// Filters by name; several values of one name are alternatives, several names all have to match.
public struct Filters: Hashable, Sendable {
    /// Values by filter name, in the order sent.
    public private(set) var values: [String: [String]]

    /// These filters, or none.
    public init(_ values: [String: [String]] = [:]) { self.values = values }

    /// Reads `{"name":["value"]}` or, from older clients, `{"name":{"value":true}}`; nil and empty
    /// text are no filters.
    /// - Throws: `invalidArgument` where it is neither.
    public init(parsing text: String?) throws(Fault) {
        guard let text, !text.isEmpty else {
            values = [:]
            return
        }
        do {
            values = try JSON.decode([String: FilterValues].self, from: Array(text.utf8)).mapValues(\.values)
        } catch {
            throw Fault(.invalidArgument, "invalid filter: \(error.reason)")
        }
    }

    /// Whether nothing is filtered.
    public var isEmpty: Bool { values.isEmpty }

    /// The values of one filter; empty when it is absent.
    public func get(_ name: String) -> [String] { values[name] ?? [] }

    /// Whether the filter was sent.
    public func contains(_ name: String) -> Bool { values[name] != nil }

    /// Adds a value.
    public mutating func add(_ name: String, _ value: String) { values[name, default: []].append(value) }

    /// The JSON that the query parameter carries.
    /// - Throws: never in practice: strings always encode.
    public func encoded() throws(Fault) -> String {
        String(decoding: try JSON.encode(values, sortedKeys: true), as: UTF8.self)
    }

    /// Refuses filters that the listing does not know, in docker's words.
    /// - Throws: `invalidArgument`.
    public func requireOnly(_ known: Set<String>) throws(Fault) {
        if let unknown = values.keys.sorted().first(where: { !known.contains($0) }) {
            throw Fault(.invalidArgument, "invalid filter '\(unknown)'")
        }
    }

    /// Whether the filter is absent or has exactly this value.
    public func matchesExactly(_ name: String, _ value: String) -> Bool {
        guard let wanted = values[name], !wanted.isEmpty else { return true }
        return wanted.contains(value)
    }

    /// Whether the filter is absent or a value of it begins `value`.
    public func matchesPrefix(_ name: String, _ value: String) -> Bool {
        guard let wanted = values[name], !wanted.isEmpty else { return true }
        return wanted.contains { value.hasPrefix($0) }
    }

    /// Whether the filter is absent or `value` contains one of its values. `^` in front and `$`
    /// behind anchor it; other patterns are plain text here.
    public func matchesText(_ name: String, _ value: String) -> Bool {
        guard let wanted = values[name], !wanted.isEmpty else { return true }
        return wanted.contains { Self.contains($0, in: value) }
    }

    /// Whether every value of the filter, `key` or `key=value`, is among the labels; true when absent.
    public func matchesLabels(_ name: String = "label", _ labels: [String: String]?) -> Bool {
        get(name).allSatisfy { Self.hasLabel($0, labels ?? [:]) }
    }

    /// A boolean filter: nil when absent.
    /// - Throws: `invalidArgument` when it is neither true nor false.
    public func bool(_ name: String) throws(Fault) -> Bool? {
        guard let wanted = values[name], let first = wanted.first else { return nil }
        let isTrue = ["1", "true", "True", "TRUE", "t", "T"].contains(first)
        let isFalse = ["0", "false", "False", "FALSE", "f", "F"].contains(first)
        guard wanted.count == 1, isTrue || isFalse else { throw Fault(.invalidArgument, "invalid filter '\(name)=\(wanted)'") }
        return isTrue
    }

    private static func hasLabel(_ wanted: String, _ labels: [String: String]) -> Bool {
        guard let equals = wanted.firstIndex(of: "=") else { return labels[wanted] != nil }
        return labels[String(wanted[..<equals])] == String(wanted[wanted.index(after: equals)...])
    }

    private static func contains(_ pattern: String, in value: String) -> Bool {
        var pattern = pattern[...]
        let atStart = pattern.hasPrefix("^")
        let atEnd = pattern.hasSuffix("$")
        if atStart { pattern = pattern.dropFirst() }
        if atEnd { pattern = pattern.dropLast() }
        if atStart, atEnd { return value == pattern }
        if atStart { return value.hasPrefix(pattern) }
        if atEnd { return value.hasSuffix(pattern) }
        if pattern.isEmpty { return true }
        let bytes = Array(value.utf8)
        let wanted = Array(pattern.utf8)
        guard bytes.count >= wanted.count else { return false }
        return (0...(bytes.count - wanted.count)).contains { bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }
}

/// The values of one filter, as a list or as the keys of a map.
private struct FilterValues: Decodable {
    let values: [String]

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let list = try? container.decode([String].self) {  // Not a list: then it must be a map.
            values = list
        } else {
            values = try container.decode([String: Bool].self).filter(\.value).keys.sorted()
        }
    }
}
