import OCISpec

// JSON values seen as Go's template language sees them.

extension JSONValue {
    /// A member by its name, else by its name in any case: clients know `ID` where the wire has `Id`.
    package func member(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        if let exact = members.first(where: { $0.name == name }) { return exact.value }
        let folded = name.lowercased()
        return members.first { $0.name.lowercased() == folded }?.value
    }

    /// Whether `if` takes it for true: neither zero nor empty.
    var isTrue: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .integer(let number): number != 0
        case .unsigned(let number): number != 0
        case .number(let number): number != 0
        case .string(let text): !text.isEmpty
        case .array(let elements): !elements.isEmpty
        case .object(let members): !members.isEmpty
        }
    }

    /// As `{{.}}` prints it.
    package var goText: String {
        switch self {
        case .null: "<no value>"
        case .bool(let value): value ? "true" : "false"
        case .integer(let number): String(number)
        case .unsigned(let number): String(number)
        case .number(let number): number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : "\(number)"
        case .string(let text): text
        case .array(let elements): "[" + elements.map(\.goNested).joined(separator: " ") + "]"
        case .object(let members):
            "map[" + members.sorted { $0.name < $1.name }.map { "\($0.name):\($0.value.goNested)" }.joined(separator: " ") + "]"
        }
    }

    private var goNested: String { if case .null = self { "<nil>" } else { goText } }

    var goType: String {
        switch self {
        case .null: "<nil>"
        case .bool: "bool"
        case .integer, .unsigned: "int"
        case .number: "float64"
        case .string: "string"
        case .array: "[]interface {}"
        case .object: "map[string]interface {}"
        }
    }

    var asNumber: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .unsigned(let number): Double(number)
        case .number(let number): number
        case .null, .bool, .string, .array, .object: nil
        }
    }

    func equals(_ other: JSONValue) -> Bool {
        if let one = asNumber, let two = other.asNumber { return one == two }
        return self == other
    }

    /// JSON on one line, with `<`, `>` and `&` escaped as Go escapes them.
    package var compactText: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer, .unsigned, .number: goText
        case .string(let text): Self.quoted(text)
        case .array(let elements): "[" + elements.map(\.compactText).joined(separator: ",") + "]"
        case .object(let members): "{" + members.map { "\(Self.quoted($0.name)):\($0.value.compactText)" }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{08}": result += "\\b"
            case "\u{0C}": result += "\\f"
            case "<", ">", "&", "\u{2028}", "\u{2029}": result += escape(scalar)
            default: if scalar.value < 0x20 { result += escape(scalar) } else { result.unicodeScalars.append(scalar) }
            }
        }
        return result + "\""
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
    }
}
