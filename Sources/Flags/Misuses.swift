// The texts of what is wrong with a command line, in docker's words or runc's.

extension Program {
    /// The program's name and the verbs' words.
    func words(_ path: [Verb]) -> String { path.map(\.name).joined(separator: " ") }

    /// `cais run [OPTIONS] IMAGE [COMMAND] [ARG...]`
    func usageLine(_ path: [Verb]) -> String {
        let usage = path[path.count - 1].usage
        return usage.isEmpty ? words(path) : "\(words(path)) \(usage)"
    }

    func flagMisuse(_ message: String, _ path: [Verb]) -> Misuse {
        switch grammar {
        case .docker:
            let text = "\(message)\n\nUsage:  \(usageLine(path))\n\nRun '\(words(path)) --help' for more information"
            return Misuse(text: text, message: message, code: 125)
        case .runc:
            return Misuse(text: "\(name): \(message)\nUsage: \(usageLine(path))", message: message, code: 1)
        }
    }

    func unknownVerb(_ word: String, _ path: [Verb]) -> Misuse {
        switch grammar {
        case .docker:
            let message = "unknown command: \(words(path)) \(word)"
            let usage = path.count > 1 ? "\n\nUsage:  \(words(path))" : ""
            return Misuse(text: "\(name): \(message)\(usage)\n\nRun '\(words(path)) --help' for more information", message: message, code: 1)
        case .runc:
            return Misuse(message: "No help topic for '\(word)'", program: name, code: 3)
        }
    }

    func arityMisuse(_ arity: Arity, count: Int, _ path: [Verb]) -> Misuse {
        switch grammar {
        case .docker:
            let message = "'\(words(path))' \(arity.dockerDemand)"
            // docker says See where there is a least number of arguments and Run elsewhere.
            let verb = if case .atLeast = arity { "See" } else { "Run" }
            let text = "\(name): \(message)\n\nUsage:  \(usageLine(path))\n\n\(verb) '\(words(path)) --help' for more information"
            return Misuse(text: text, message: message, code: 1)
        case .runc:
            return Misuse(message: "\(quoted(path[path.count - 1].name)) \(arity.runcDemand(count))", program: name, code: 1)
        }
    }
}

extension Arity {
    fileprivate var dockerDemand: String {
        switch self {
        case .none, .any: "accepts no arguments"
        case .exactly(let count): "requires \(arguments(count))"
        case .atLeast(let count): "requires at least \(arguments(count))"
        case .atMost(let count): "requires at most \(arguments(count))"
        case .between(let low, let high): "requires at least \(low) and at most \(arguments(high))"
        }
    }

    fileprivate func runcDemand(_ given: Int) -> String {
        switch self {
        case .none, .any: "requires exactly 0 argument(s)"
        case .exactly(let count): "requires exactly \(count) argument(s)"
        case .atLeast(let count): "requires a minimum of \(count) argument(s)"
        case .atMost(let count): "requires a maximum of \(count) argument(s)"
        case .between(let low, let high): given < low ? "requires a minimum of \(low) argument(s)" : "requires a maximum of \(high) argument(s)"
        }
    }

    private func arguments(_ count: Int) -> String { "\(count) argument\(count == 1 ? "" : "s")" }
}
