/// A program's whole command line: global flags, verbs, grammar. `parse` is a pure function from
/// words to what is to be done; printing, writing and exiting are the program's own.
package struct Program: Sendable {
    /// Its name as users type it.
    package let name: String
    private let makeVersion: @Sendable () -> String
    /// The text of `--version`, without the line's end; made only for who asks for it.
    package var version: String { makeVersion() }
    /// How its flags are written.
    package let grammar: Grammar
    /// Its global flags, its verbs and, for a program without verbs, its own action.
    package let root: Verb
    /// The section of the manual it belongs to.
    package let section: Int

    /// Describes a program.
    package init(version: @autoclosure @escaping @Sendable () -> String, grammar: Grammar = .docker, section: Int = 1, root: Verb) {
        name = root.name
        makeVersion = version
        self.grammar = grammar
        self.section = section
        self.root = root
    }

    /// Reads the words after the program's name.
    package func parse(_ words: [String]) -> Command { parse(words[...]) }

    /// Reads the words after the program's name.
    package func parse(_ words: ArraySlice<String>) -> Command {
        let own = root.flags
        // Each table is made when it is needed and once: `--version` needs no verb, a verb no other's flags.
        switch grammar.parse(words, flags: withVersion(own), endsAtArgument: root.endsAtArgument || !root.verbs.isEmpty) {
        case .help: return .show(help(for: [root]))
        case .wrong(let message): return .misuse(flagMisuse(message, [root]))
        case .parsed(let global):
            if !own.contains(where: { $0.name == "version" }), global.bool("version") {
                return .show(version + "\n")
            }
            guard let word = global.positional.first else { return finish([root], global, global) }
            let verbs = root.verbs
            guard let verb = verbs.first(where: { $0.answers(to: word) }) else {
                if let builtin = builtin(global.positional, hasVerbs: !verbs.isEmpty) { return builtin }
                return verbs.isEmpty || root.action != nil ? finish([root], global, global) : .misuse(unknownVerb(word, [root]))
            }
            return descend([root, verb], global.positional.dropFirst(), global)
        }
    }

    /// The root's flags and, where they have none of that name, `--version`.
    var globalFlags: [Flag] { withVersion(root.flags) }

    private func withVersion(_ own: [Flag]) -> [Flag] {
        guard !own.contains(where: { $0.name == "version" }) else { return own }
        let short: Character? = own.contains { $0.short == "v" } ? nil : "v"
        return own + [.bool("version", short: short, "Print version information and quit")]
    }

    private func descend(_ path: [Verb], _ words: ArraySlice<String>, _ global: Arguments) -> Command {
        let verb = path[path.count - 1]
        let verbs = verb.verbs
        switch grammar.parse(words, flags: verb.flags, endsAtArgument: verb.endsAtArgument || !verbs.isEmpty) {
        case .help: return .show(help(for: path))
        case .wrong(let message): return .misuse(flagMisuse(message, path))
        case .parsed(let arguments):
            guard !verbs.isEmpty, let word = arguments.positional.first else { return finish(path, global, arguments) }
            if let next = verb.verb(named: word) { return descend(path + [next], arguments.positional.dropFirst(), global) }
            return verb.action == nil ? .misuse(unknownVerb(word, path)) : finish(path, global, arguments)
        }
    }

    private func finish(_ path: [Verb], _ global: Arguments, _ arguments: Arguments) -> Command {
        let verb = path[path.count - 1]
        guard let action = verb.action else { return .show(help(for: path)) }
        guard verb.arity.allows(arguments.positional.count) else { return .misuse(arityMisuse(verb.arity, count: arguments.positional.count, path)) }
        return .run(Invocation(action: action, path: path.dropFirst().map { $0.name }, global: global, arguments: arguments))
    }

    /// `help [VERB…]`, `completion SHELL` and `manual DIRECTORY`, which every program answers.
    private func builtin(_ words: [String], hasVerbs: Bool) -> Command? {
        guard let word = words.first else { return nil }
        let rest = words.dropFirst()
        switch word {
        case "help" where hasVerbs || root.action == nil: return helpTopic(rest)
        case "completion":
            let shells = Shell.allCases.map(\.rawValue).joined(separator: "|")
            if rest.first == "--help" || rest.first == "-h" {
                return .show("Usage:  \(name) completion \(shells)\n\nGenerate the autocompletion script for the specified shell\n")
            }
            guard rest.count == 1, let shell = Shell(rawValue: rest[rest.startIndex]) else {
                return .misuse(Misuse(message: "'\(name) completion' requires one of \(shells)", program: name, code: 1))
            }
            return .show(completion(for: shell))
        case "manual":
            guard rest.count == 1 else { return .misuse(Misuse(message: "'\(name) manual' requires a directory", program: name, code: 1)) }
            return .write(directory: rest[rest.startIndex], pages: manualPages())
        default: return nil
        }
    }

    private func helpTopic(_ words: ArraySlice<String>) -> Command {
        var path = [root]
        for word in words {
            guard let next = path[path.count - 1].verb(named: word) else {
                return .misuse(Misuse(text: "unknown help topic: \(words.joined(separator: " "))", message: "unknown help topic", code: 1))
            }
            path.append(next)
        }
        return .show(help(for: path))
    }
}

/// What a command line asks for.
package enum Command: Sendable {
    /// Do this.
    case run(Invocation)
    /// Print this on standard output and end well: help, version, completion.
    case show(String)
    /// Write these manual pages into the directory.
    case write(directory: String, pages: [ManualPage])
    /// Print this on standard error and end with its code.
    case misuse(Misuse)
}

/// A verb with what was said to it.
package struct Invocation: Sendable {
    @usableFromInline let number: Int
    /// The verb's words, aliases resolved, without the program's name.
    package let path: [String]
    /// The global flags.
    package let global: Arguments
    /// The verb's own flags and arguments; for a program without verbs the same as ``global``.
    package let arguments: Arguments

    init(action: Int, path: [String], global: Arguments, arguments: Arguments) {
        number = action
        self.path = path
        self.global = global
        self.arguments = arguments
    }

    /// What to do, as the enum that the program's table was written with.
    @inlinable package func action<Action: RawRepresentable>(as type: Action.Type = Action.self) -> Action where Action.RawValue == Int {
        guard let action = Action(rawValue: number) else { preconditionFailure("the table of verbs has actions of another type") }
        return action
    }
}

/// A command line that cannot be read.
package struct Misuse: Sendable, Hashable {
    /// Everything for standard error, usage included, without the last line's end.
    package let text: String
    /// What was wrong, on one line.
    package let message: String
    /// The code to end with.
    package let exitCode: Int32

    init(text: String, message: String, code: Int32) {
        self.text = text
        self.message = message
        exitCode = code
    }

    init(message: String, program: String, code: Int32) {
        self.init(text: "\(program): \(message)", message: message, code: code)
    }
}
