import Faults
import OCISpec

/// The part of Go's template language that `--format` needs, over JSON values: fields, variables,
/// if, range, with, pipelines, comparisons, printf and docker's own functions. It prints values
/// as Go does.
package struct Template: Sendable {
    nonisolated(unsafe) private let nodes: [TemplateNode]  // Safe because the enum is a value; its indirect cases are not marked Sendable by the compiler.

    /// Reads a template.
    /// - Throws: `invalidArgument` with Go's words where it is not one.
    package init(parsing text: String) throws(Fault) {
        nodes = try TemplateParser.parse(text)
    }

    /// What the template prints for `value`.
    /// - Parameter labels: what `.Label "key"` finds; a method in docker, so no member of the value.
    /// - Throws: `invalidArgument` for a field that does not exist or a function used wrongly.
    package func render(_ value: JSONValue, labels: [String: String]? = nil) throws(Fault) -> String {
        var evaluation = TemplateEvaluation(root: value, labels: labels)
        try evaluation.run(nodes, dot: value)
        return evaluation.output
    }
}

/// One run of a template.
struct TemplateEvaluation {
    private(set) var output = ""
    private var variables: [(name: String, value: JSONValue)]

    private let labels: [String: String]?

    init(root: JSONValue, labels: [String: String]?) {
        variables = [("", root)]
        self.labels = labels
    }

    mutating func run(_ nodes: [TemplateNode], dot: JSONValue) throws(Fault) {
        for node in nodes {
            switch node {
            case .text(let text): output += text
            case .output(let pipeline): output += try evaluate(pipeline, dot).goText
            case .assignment(let name, let pipeline): assign(name, try evaluate(pipeline, dot))
            case .condition(let branches, let otherwise): try choose(branches, otherwise, dot)
            case .with(let pipeline, let body, let otherwise):
                let value = try evaluate(pipeline, dot)
                try scoped(value.isTrue ? body : otherwise, dot: value.isTrue ? value : dot)
            case .loop(let key, let value, let over, let body, let otherwise):
                try loop(key, value, try evaluate(over, dot), body, otherwise, dot)
            }
        }
    }

    private mutating func choose(_ branches: [TemplateNode.Branch], _ otherwise: [TemplateNode], _ dot: JSONValue) throws(Fault) {
        for branch in branches where try evaluate(branch.condition, dot).isTrue { return try scoped(branch.body, dot: dot) }
        try scoped(otherwise, dot: dot)
    }

    private mutating func loop(
        _ key: String?, _ name: String?, _ value: JSONValue, _ body: [TemplateNode], _ otherwise: [TemplateNode], _ dot: JSONValue
    ) throws(Fault) {
        let elements: [(JSONValue, JSONValue)]
        switch value {
        case .array(let array): elements = array.enumerated().map { (.integer(Int64($0.offset)), $0.element) }
        // Go walks maps in the order of their keys.
        case .object(let members): elements = members.sorted { $0.name < $1.name }.map { (.string($0.name), $0.value) }
        case .null: elements = []
        case .bool, .integer, .unsigned, .number, .string: throw Fault(.invalidArgument, "template: :1: range can't iterate over \(value.goText)")
        }
        if elements.isEmpty { return try scoped(otherwise, dot: dot) }
        for (index, element) in elements {
            let depth = variables.count
            if let key { variables.append((key, index)) }
            if let name { variables.append((name, element)) }
            try run(body, dot: element)
            variables.removeSubrange(depth...)
        }
    }

    private mutating func scoped(_ nodes: [TemplateNode], dot: JSONValue) throws(Fault) {
        let depth = variables.count
        try run(nodes, dot: dot)
        variables.removeSubrange(depth...)
    }

    private mutating func assign(_ name: String, _ value: JSONValue) {
        if let index = variables.lastIndex(where: { $0.name == name }) { variables[index].value = value } else { variables.append((name, value)) }
    }

    // MARK: Values

    private func evaluate(_ pipeline: TemplatePipeline, _ dot: JSONValue) throws(Fault) -> JSONValue {
        var value: JSONValue?
        for command in pipeline.commands { value = try evaluate(command, piped: value, dot) }
        return value ?? .null
    }

    private func evaluate(_ command: [TemplateOperand], piped: JSONValue?, _ dot: JSONValue) throws(Fault) -> JSONValue {
        var arguments: [JSONValue] = []
        for operand in command.dropFirst() { arguments.append(try self.value(operand, dot)) }
        if let piped { arguments.append(piped) }
        guard let head = command.first else { return .null }
        if case .function(let name) = head { return try TemplateFunctions.call(name, arguments) }
        if let labels, case .field(["Label"]) = head, arguments.count == 1 { return .string(labels[arguments[0].goText] ?? "") }
        guard arguments.isEmpty else { throw Fault(.invalidArgument, "template: :1: can't give argument to non-function") }
        return try self.value(head, dot)
    }

    private func value(_ operand: TemplateOperand, _ dot: JSONValue) throws(Fault) -> JSONValue {
        switch operand {
        case .field(let names): try Self.walk(dot, names)
        case .variable(let name, let fields): try Self.walk(try variable(name), fields)
        case .function(let name): try TemplateFunctions.call(name, [])
        case .string(let text): .string(text)
        case .number(let number): .integer(number)
        case .bool(let value): .bool(value)
        case .null: .null
        case .pipeline(let pipeline, let fields): try Self.walk(try evaluate(pipeline, dot), fields)
        }
    }

    private func variable(_ name: String) throws(Fault) -> JSONValue {
        guard let found = variables.last(where: { $0.name == name }) else {
            throw Fault(.invalidArgument, "template: :1: undefined variable \"$\(name)\"")
        }
        return found.value
    }

    private static func walk(_ start: JSONValue, _ names: [String]) throws(Fault) -> JSONValue {
        var value = start
        for (index, name) in names.enumerated() {
            switch value {
            case .object:
                guard let member = value.member(name) else {
                    let path = names[...index].map { ".\($0)" }.joined()
                    throw Fault(.invalidArgument, "template: :1:2: executing \"\" at <\(path)>: map has no entry for key \"\(name)\"")
                }
                value = member
            case .null: return .null
            case .bool, .integer, .unsigned, .number, .string, .array:
                throw Fault(.invalidArgument, "template: :1:2: executing \"\" at <.\(name)>: can't evaluate field \(name)")
            }
        }
        return value
    }
}
