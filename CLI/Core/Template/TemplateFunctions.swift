import Faults
import Flags
import OCISpec

/// The functions that a template may call: Go's own and docker's.
enum TemplateFunctions {
    /// Every name that a template may say.
    static let names: Set<String> = [
        "json", "upper", "lower", "title", "len", "not", "and", "or", "eq", "ne", "lt", "le", "gt", "ge", "index", "split", "join", "truncate", "pad",
        "print", "println", "printf",
    ]

    static func call(_ name: String, _ arguments: [JSONValue]) throws(Fault) -> JSONValue {
        switch name {
        case "json": return .string(try one(name, arguments).compactText)
        case "upper": return .string(try one(name, arguments).goText.uppercased())
        case "lower": return .string(try one(name, arguments).goText.lowercased())
        case "title": return .string(titled(try one(name, arguments).goText))
        case "len": return .integer(Int64(try length(try one(name, arguments))))
        case "not": return .bool(!(try one(name, arguments).isTrue))
        case "and": return arguments.first { !$0.isTrue } ?? arguments.last ?? .null
        case "or": return arguments.first(where: \.isTrue) ?? arguments.last ?? .null
        case "eq", "ne", "lt", "le", "gt", "ge": return .bool(try compare(name, arguments))
        case "index": return try index(arguments)
        case "split": return .array(try two(name, arguments) { text, separator in pieces(text, separator) })
        case "join": return try join(arguments)
        case "truncate": return try truncate(arguments)
        case "pad": return try pad(arguments)
        case "print": return .string(arguments.map(\.goText).joined())
        case "println": return .string(arguments.map(\.goText).joined(separator: " ") + "\n")
        case "printf": return .string(try format(arguments))
        default: throw Fault(.invalidArgument, "template: :1: function \"\(name)\" not defined")
        }
    }

    private static func wrong(_ name: String, _ count: Int) -> Fault {
        Fault(.invalidArgument, "template: :1: wrong number of args for \(name): got \(count)")
    }

    private static func one(_ name: String, _ arguments: [JSONValue]) throws(Fault) -> JSONValue {
        guard arguments.count == 1 else { throw wrong(name, arguments.count) }
        return arguments[0]
    }

    private static func two<Result>(_ name: String, _ arguments: [JSONValue], _ body: (String, String) -> Result) throws(Fault) -> Result {
        guard arguments.count == 2 else { throw wrong(name, arguments.count) }
        return body(arguments[0].goText, arguments[1].goText)
    }

    private static func titled(_ text: String) -> String {
        var startsWord = true
        return String(text.flatMap { character -> [Character] in
            defer { startsWord = !(character.isLetter || character.isNumber || character == "_" || character == "'") }
            return startsWord ? Array(character.uppercased()) : [character]
        })
    }

    private static func length(_ value: JSONValue) throws(Fault) -> Int {
        switch value {
        case .string(let text): text.utf8.count
        case .array(let elements): elements.count
        case .object(let members): members.count
        case .null: 0
        case .bool, .integer, .unsigned, .number: throw Fault(.invalidArgument, "template: :1: error calling len: len of \(value.goText)")
        }
    }

    /// `eq` takes many and is true when the first equals any other.
    private static func compare(_ name: String, _ arguments: [JSONValue]) throws(Fault) -> Bool {
        guard arguments.count >= 2, name == "eq" || arguments.count == 2 else { throw wrong(name, arguments.count) }
        let (left, right) = (arguments[0], arguments[1])
        switch name {
        case "eq": return arguments.dropFirst().contains { $0.equals(left) }
        case "ne": return !left.equals(right)
        default:
            let order: Int
            if let one = left.asNumber, let other = right.asNumber { order = one < other ? -1 : one > other ? 1 : 0 } else {
                guard case .string(let one) = left, case .string(let other) = right else {
                    throw Fault(.invalidArgument, "template: :1: error calling \(name): incompatible types for comparison")
                }
                order = one < other ? -1 : one > other ? 1 : 0
            }
            switch name {
            case "lt": return order < 0
            case "le": return order <= 0
            case "gt": return order > 0
            default: return order >= 0
            }
        }
    }

    private static func index(_ arguments: [JSONValue]) throws(Fault) -> JSONValue {
        guard var value = arguments.first else { throw wrong("index", 0) }
        for key in arguments.dropFirst() {
            switch (value, key) {
            case (.array(let elements), .integer(let at)):
                guard at >= 0, at < elements.count else { throw Fault(.invalidArgument, "template: :1: error calling index: index out of range: \(at)") }
                value = elements[Int(at)]
            case (.object(let members), _):
                value = members.first { $0.name == key.goText }?.value ?? .null
            case (.null, _): throw Fault(.invalidArgument, "template: :1: error calling index: index of untyped nil")
            default: throw Fault(.invalidArgument, "template: :1: error calling index: can't index item of this type")
            }
        }
        return value
    }

    private static func pieces(_ text: String, _ separator: String) -> [JSONValue] {
        if separator.isEmpty { return text.map { .string(String($0)) } }
        var parts: [JSONValue] = []
        var rest = text[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(.string(String(rest[..<range.lowerBound])))
            rest = rest[range.upperBound...]
        }
        return parts + [.string(String(rest))]
    }

    private static func join(_ arguments: [JSONValue]) throws(Fault) -> JSONValue {
        guard arguments.count == 2 else { throw wrong("join", arguments.count) }
        guard case .array(let elements) = arguments[0] else {
            if case .null = arguments[0] { return .string("") }
            throw Fault(.invalidArgument, "template: :1: error calling join: not a list")
        }
        return .string(elements.map(\.goText).joined(separator: arguments[1].goText))
    }

    private static func truncate(_ arguments: [JSONValue]) throws(Fault) -> JSONValue {
        guard arguments.count == 2, case .integer(let count) = arguments[1] else { throw wrong("truncate", arguments.count) }
        return .string(String(arguments[0].goText.prefix(Int(max(0, count)))))
    }

    private static func pad(_ arguments: [JSONValue]) throws(Fault) -> JSONValue {
        guard arguments.count == 3, case .integer(let before) = arguments[1], case .integer(let after) = arguments[2] else { throw wrong("pad", arguments.count) }
        let text = arguments[0].goText
        return .string(text.isEmpty ? text : String(repeating: " ", count: Int(max(0, before))) + text + String(repeating: " ", count: Int(max(0, after))))
    }

    /// `printf` with %s %v %d %q %t %x %%, widths and `-`.
    private static func format(_ arguments: [JSONValue]) throws(Fault) -> String {
        guard case .string(let layout)? = arguments.first else { throw wrong("printf", arguments.count) }
        var values = arguments.dropFirst()[...]
        var result = ""
        var rest = layout[...]
        while let character = rest.popFirst() {
            guard character == "%" else {
                result.append(character)
                continue
            }
            let flags = rest.prefix { "-+0123456789.#".contains($0) }
            rest = rest.dropFirst(flags.count)
            guard let verb = rest.popFirst() else { return result + "%!(NOVERB)" }
            if verb == "%" {
                result += "%"
                continue
            }
            guard let value = values.popFirst() else {
                result += "%!\(verb)(MISSING)"
                continue
            }
            result += aligned(text(of: value, as: verb), flags)
        }
        if !values.isEmpty { result += "%!(EXTRA " + values.map { "\($0.goType)=\($0.goText)" }.joined(separator: ", ") + ")" }
        return result
    }

    private static func text(of value: JSONValue, as verb: Character) -> String {
        switch (verb, value) {
        case ("q", .string(let text)): quoted(text)
        case ("x", .integer(let number)): String(number, radix: 16)
        case ("d", .integer), ("d", .unsigned), ("s", .string), ("t", .bool): value.goText
        case ("v", _), ("s", .array), ("s", .object), ("d", .array): value.goText
        default: "%!\(verb)(\(value.goType)=\(value.goText))"
        }
    }

    private static func aligned(_ text: String, _ flags: Substring) -> String {
        let left = flags.hasPrefix("-")
        let width = Int(flags.drop { "-+#".contains($0) }.prefix { $0 != "." }) ?? 0
        guard text.count < width else { return text }
        let fill = String(repeating: " ", count: width - text.count)
        return left ? text + fill : fill + text
    }
}
