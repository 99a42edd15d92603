import Faults

/// One word of an action, the part of a template between `{{` and `}}`.
enum TemplateToken: Hashable {
    /// `.Name.Other` without its first dot, as a chain; empty for the dot itself.
    case field([String])
    /// `$` or `$name`, with the fields behind it.
    case variable(String, [String])
    /// A word: a function or a keyword.
    case word(String)
    case string(String)
    case number(Int64)
    case pipe
    case open
    case close
    /// The fields behind a closing parenthesis.
    case chained([String])
    case define
    case assign
    case comma
}

/// Text and actions of a template.
enum TemplatePiece: Hashable {
    case text(String)
    case action([TemplateToken])
}

/// Takes a template apart. Trimming (`{{-` and `-}}`) and comments are dealt with here.
struct TemplateLexer {
    private var rest: Substring

    static func pieces(of template: String) throws(Fault) -> [TemplatePiece] {
        var pieces: [TemplatePiece] = []
        var rest = template[...]
        var trimsNext = false
        while let open = rest.firstRange(of: "{{") {
            var text = String(rest[..<open.lowerBound])
            if trimsNext { text = text.trimmedStart }
            rest = rest[open.upperBound...]
            let trims = rest.hasPrefix("- ") || rest.hasPrefix("-\t") || rest.hasPrefix("-\n")
            if trims {
                rest = rest.dropFirst()
                text = text.trimmedEnd
            }
            if !text.isEmpty { pieces.append(.text(text)) }
            if rest.trimmedStart.hasPrefix("/*") {
                guard let end = rest.firstRange(of: "*/") else { throw failure("unclosed comment") }
                let after = rest[end.upperBound...]
                guard let close = after.firstRange(of: "}}") else { throw failure("comment ends before closing delimiter") }
                trimsNext = after[..<close.lowerBound].hasSuffix("-")
                rest = after[close.upperBound...]
                continue
            }
            var lexer = TemplateLexer(rest: rest)
            pieces.append(.action(try lexer.action()))
            trimsNext = lexer.endedTrimming
            rest = lexer.rest
        }
        let text = trimsNext ? rest.trimmedStart : String(rest)
        if !text.isEmpty { pieces.append(.text(text)) }
        return pieces
    }

    private(set) var endedTrimming = false

    private init(rest: Substring) { self.rest = rest }

    static func failure(_ why: String) -> Fault { Fault(.invalidArgument, "template: :1: \(why)") }

    /// The tokens up to `}}`.
    private mutating func action() throws(Fault) -> [TemplateToken] {
        var tokens: [TemplateToken] = []
        while true {
            let blanks = rest.prefix(while: \.isWhitespace).count
            rest = rest.dropFirst(blanks)
            if rest.hasPrefix("}}") {
                rest = rest.dropFirst(2)
                return tokens
            }
            if blanks > 0, rest.hasPrefix("-}}") {
                rest = rest.dropFirst(3)
                endedTrimming = true
                return tokens
            }
            guard let first = rest.first else { throw Self.failure("unclosed action") }
            tokens.append(try token(first, glued: blanks == 0))
        }
    }

    private mutating func token(_ first: Character, glued: Bool) throws(Fault) -> TemplateToken {
        switch first {
        case "|": return take(1, .pipe)
        case "(": return take(1, .open)
        case ")":
            rest = rest.dropFirst()
            return rest.hasPrefix(".") ? .chained(fields()) : .close
        case ",": return take(1, .comma)
        case "=": return take(1, .assign)
        case ":" where rest.hasPrefix(":="): return take(2, .define)
        case "\"": return .string(try quotedString())
        case "`":
            let body = rest.dropFirst().prefix { $0 != "`" }
            guard body.endIndex != rest.endIndex else { throw Self.failure("unterminated raw quoted string") }
            rest = rest[body.endIndex...].dropFirst()
            return .string(String(body))
        case ".": return .field(fields())
        case "$":
            rest = rest.dropFirst()
            let name = word()
            return .variable(name, rest.hasPrefix(".") ? fields() : [])
        case "0"..."9", "-", "+":
            let digits = rest.prefix { $0 == "-" || $0 == "+" || $0.isNumber }
            rest = rest.dropFirst(digits.count)
            guard let number = Int64(digits) else { throw Self.failure("bad number syntax: \"\(digits)\"") }
            return .number(number)
        default:
            let word = word()
            guard !word.isEmpty else { throw Self.failure("unexpected \"\(first)\" in operand") }
            return .word(word)
        }
    }

    private mutating func take(_ count: Int, _ token: TemplateToken) -> TemplateToken {
        rest = rest.dropFirst(count)
        return token
    }

    private mutating func word() -> String {
        let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        rest = rest.dropFirst(word.count)
        return String(word)
    }

    /// `.A.B`, or a dot alone.
    private mutating func fields() -> [String] {
        var names: [String] = []
        while rest.hasPrefix(".") {
            rest = rest.dropFirst()
            let name = word()
            if name.isEmpty { return names }
            names.append(name)
        }
        return names
    }

    private mutating func quotedString() throws(Fault) -> String {
        rest = rest.dropFirst()
        var text = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return text
            case "\\":
                guard let escaped = rest.popFirst() else { throw Self.failure("unterminated quoted string") }
                switch escaped {
                case "n": text += "\n"
                case "t": text += "\t"
                case "r": text += "\r"
                case "\\", "\"", "'": text.append(escaped)
                default: throw Self.failure("invalid escape \\\(escaped) in a string")
                }
            default: text.append(character)
            }
        }
        throw Self.failure("unterminated quoted string")
    }
}

extension StringProtocol {
    fileprivate var trimmedStart: String { String(drop(while: \.isWhitespace)) }
    fileprivate var trimmedEnd: String { String(reversed().drop(while: \.isWhitespace).reversed()) }
}
