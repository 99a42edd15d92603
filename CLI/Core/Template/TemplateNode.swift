import Faults
import Flags

/// A part of a template, ready to be carried out.
indirect enum TemplateNode: Hashable {
    case text(String)
    /// Prints a value.
    case output(TemplatePipeline)
    /// `{{$x := …}}` and `{{$x = …}}`, which print nothing.
    case assignment(String, TemplatePipeline)
    case condition([Branch], otherwise: [TemplateNode])
    case loop(key: String?, value: String?, over: TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode])
    case with(TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode])

    struct Branch: Hashable {
        let condition: TemplatePipeline
        let body: [TemplateNode]
    }
}

/// Commands, each of which gets the value of the one before as its last argument.
struct TemplatePipeline: Hashable {
    let commands: [[TemplateOperand]]
}

/// What may stand in a command.
indirect enum TemplateOperand: Hashable {
    case field([String])
    case variable(String, [String])
    case function(String)
    case string(String)
    case number(Int64)
    case bool(Bool)
    case null
    case pipeline(TemplatePipeline, [String])
}

/// Makes nodes of pieces.
struct TemplateParser {
    private var pieces: ArraySlice<TemplatePiece>

    static func parse(_ template: String) throws(Fault) -> [TemplateNode] {
        var parser = TemplateParser(pieces: try TemplateLexer.pieces(of: template)[...])
        let (nodes, end) = try parser.block()
        guard end == nil else { throw TemplateLexer.failure("unexpected {{\(end?.keyword ?? "end")}}") }
        return nodes
    }

    /// What ended a block.
    private struct End {
        let keyword: String
        let rest: ArraySlice<TemplateToken>
    }

    private mutating func block() throws(Fault) -> ([TemplateNode], End?) {
        var nodes: [TemplateNode] = []
        while let piece = pieces.popFirst() {
            switch piece {
            case .text(let text): nodes.append(.text(text))
            case .action(let tokens):
                let rest = tokens.dropFirst()
                switch tokens.first {
                case nil: throw TemplateLexer.failure("missing value for command")
                case .word("end"): return (nodes, End(keyword: "end", rest: rest))
                case .word("else"): return (nodes, End(keyword: "else", rest: rest))
                case .word("if"): nodes.append(try condition(rest))
                case .word("with"):
                    let pipeline = try pipeline(rest)
                    let (body, otherwise) = try bodies("with")
                    nodes.append(.with(pipeline, body: body, otherwise: otherwise))
                case .word("range"): nodes.append(try loop(rest))
                case .word("template"), .word("define"), .word("block"):
                    throw TemplateLexer.failure("named templates are not supported")
                default: nodes.append(try action(tokens[...]))
                }
            }
        }
        return (nodes, nil)
    }

    private func action(_ tokens: ArraySlice<TemplateToken>) throws(Fault) -> TemplateNode {
        if case .variable(let name, let fields)? = tokens.first, fields.isEmpty, let second = tokens.dropFirst().first, second == .define || second == .assign {
            return .assignment(name, try pipeline(tokens.dropFirst(2)))
        }
        return .output(try pipeline(tokens))
    }

    private mutating func condition(_ tokens: ArraySlice<TemplateToken>) throws(Fault) -> TemplateNode {
        var branches: [TemplateNode.Branch] = []
        var condition = try pipeline(tokens)
        while true {
            let (body, end) = try block()
            branches.append(.init(condition: condition, body: body))
            guard let end else { throw TemplateLexer.failure("unexpected EOF") }
            if end.keyword == "end" { return .condition(branches, otherwise: []) }
            if end.rest.first == .word("if") {
                condition = try pipeline(end.rest.dropFirst())
                continue
            }
            let (otherwise, last) = try block()
            guard last?.keyword == "end" else { throw TemplateLexer.failure("unexpected EOF") }
            return .condition(branches, otherwise: otherwise)
        }
    }

    private mutating func loop(_ tokens: ArraySlice<TemplateToken>) throws(Fault) -> TemplateNode {
        var names: [String] = []
        var rest = tokens
        if let define = tokens.firstIndex(of: .define) {
            for token in tokens[..<define] { if case .variable(let name, _) = token { names.append(name) } }
            rest = tokens[tokens.index(after: define)...]
        }
        let over = try pipeline(rest)
        let (body, otherwise) = try bodies("range")
        return .loop(key: names.count > 1 ? names[0] : nil, value: names.last, over: over, body: body, otherwise: otherwise)
    }

    private mutating func bodies(_ keyword: String) throws(Fault) -> ([TemplateNode], [TemplateNode]) {
        let (body, end) = try block()
        guard let end else { throw TemplateLexer.failure("unexpected EOF") }
        if end.keyword == "end" { return (body, []) }
        let (otherwise, last) = try block()
        guard last?.keyword == "end" else { throw TemplateLexer.failure("unexpected EOF") }
        return (body, otherwise)
    }

    // MARK: Pipelines

    private func pipeline(_ tokens: ArraySlice<TemplateToken>) throws(Fault) -> TemplatePipeline {
        var rest = tokens
        let result = try pipeline(&rest, nested: false)
        guard rest.isEmpty else { throw TemplateLexer.failure("unexpected operand in command") }
        return result
    }

    private func pipeline(_ rest: inout ArraySlice<TemplateToken>, nested: Bool) throws(Fault) -> TemplatePipeline {
        var commands: [[TemplateOperand]] = []
        var command: [TemplateOperand] = []
        while let token = rest.popFirst() {
            switch token {
            case .pipe:
                guard !command.isEmpty else { throw TemplateLexer.failure("missing value for command") }
                commands.append(command)
                command = []
            case .close, .chained:
                guard nested else { throw TemplateLexer.failure("unexpected right paren") }
                rest = [token] + rest
                guard !command.isEmpty else { throw TemplateLexer.failure("missing value for parenthesized pipeline") }
                return TemplatePipeline(commands: commands + [command])
            case .open:
                let inner = try pipeline(&rest, nested: true)
                guard let end = rest.popFirst() else { throw TemplateLexer.failure("unclosed left paren") }
                if case .chained(let fields) = end { command.append(.pipeline(inner, fields)) } else { command.append(.pipeline(inner, [])) }
            case .field(let names): command.append(.field(names))
            case .variable(let name, let fields): command.append(.variable(name, fields))
            case .string(let text): command.append(.string(text))
            case .number(let number): command.append(.number(number))
            case .word("true"): command.append(.bool(true))
            case .word("false"): command.append(.bool(false))
            case .word("nil"): command.append(.null)
            case .word(let name):
                guard TemplateFunctions.names.contains(name) else { throw TemplateLexer.failure("function \(quoted(name)) not defined") }
                command.append(.function(name))
            case .define, .assign, .comma: throw TemplateLexer.failure("unexpected assignment in operand")
            }
        }
        guard !nested else { throw TemplateLexer.failure("unclosed left paren") }
        guard !command.isEmpty else { throw TemplateLexer.failure("missing value for command") }
        return TemplatePipeline(commands: commands + [command])
    }
}
