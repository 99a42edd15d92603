/// The two ways of writing flags that the programs speak. Each turns words into ``Arguments`` and
/// decides nothing else; the texts of errors are those that users of docker and runc know.
package enum Grammar: Sendable, Hashable {
    /// docker's: `--name value`, `--name=value`, `-it`, `-p80:80`, `--flag=false`.
    case docker
    /// runc's: one dash or two for every name, no joined shorthands, flags also after arguments.
    case runc

    /// What came of the words.
    enum Outcome {
        case parsed(Arguments)
        case help
        case wrong(String)
    }

    /// Reads `words` by the declared `flags`.
    /// - Parameter endsAtArgument: whether the first argument ends the flags.
    func parse(_ words: ArraySlice<String>, flags: [Flag], endsAtArgument: Bool) -> Outcome {
        switch self {
        case .docker: DockerGrammar(flags: flags, endsAtArgument: endsAtArgument).parse(words)
        case .runc: RuncGrammar(flags: flags, endsAtArgument: endsAtArgument).parse(words)
        }
    }
}

extension Flag {
    /// The value as it is recorded, or why it is wrong.
    func accept(_ value: String) -> Number.Result<String> {
        switch kind {
        case .bool:
            let parsed = Number.bool(value)
            guard let on = parsed.value else { return .init(error: parsed.error) }
            if on, let error = check?("true") { return .init(error: error) }
            return .init(value: on ? "true" : "false")
        case .signed(let bits):
            if let error = Number.signed(value, bits: bits).error { return .init(error: error) }
        case .unsigned(let bits):
            if let error = Number.unsigned(value, bits: bits).error { return .init(error: error) }
        case .string, .list: break
        }
        if let error = check?(value) { return .init(error: error) }
        return .init(value: value)
    }

    func answers(to word: String) -> Bool { name == word || aliases.contains(word) }

    /// Whether `word` is its one-letter name.
    func isShort(_ word: String) -> Bool {
        guard let short, word.utf8.count == 1 else { return false }
        return short.asciiValue == word.utf8.first
    }
}

/// docker's grammar, as its flag library reads it.
struct DockerGrammar {
    let flags: [Flag]
    let endsAtArgument: Bool

    private enum Step {
        case taken
        case help
        case wrong(String)
    }

    func parse(_ words: ArraySlice<String>) -> Grammar.Outcome {
        var arguments = Arguments(flags: flags)
        var rest = words
        while let word = rest.popFirst() {
            if word == "--" {
                arguments.countBeforeDashes = arguments.positional.count
                arguments.positional += rest
                break
            }
            guard word.utf8.count > 1, word.hasPrefix("-") else {
                arguments.positional.append(word)
                if !endsAtArgument { continue }
                arguments.positional += rest
                break
            }
            let step = word.hasPrefix("--") ? long(word, &rest, &arguments) : shorthands(word, &rest, &arguments)
            switch step {
            case .taken: continue
            case .help: return .help
            case .wrong(let message): return .wrong(message)
            }
        }
        return .parsed(arguments)
    }

    private func long(_ word: String, _ rest: inout ArraySlice<String>, _ arguments: inout Arguments) -> Step {
        let body = word.dropFirst(2)
        if body.hasPrefix("-") || body.hasPrefix("=") { return .wrong("bad flag syntax: \(word)") }
        let equals = body.firstIndex(of: "=")
        let name = String(equals.map { body[..<$0] } ?? body)
        let joined = equals.map { String(body[body.index(after: $0)...]) }
        guard let flag = flags.first(where: { $0.answers(to: name) }) else {
            guard name == "help" else { return .wrong("unknown flag: --\(name)") }
            return help(joined)
        }
        if let joined { return record(flag, joined, &arguments) }
        if flag.kind == .bool { return record(flag, "true", &arguments) }
        guard let next = rest.popFirst() else { return .wrong("flag needs an argument: \(word)") }
        return record(flag, next, &arguments)
    }

    private func shorthands(_ word: String, _ rest: inout ArraySlice<String>, _ arguments: inout Arguments) -> Step {
        var letters = word.dropFirst()
        while let letter = letters.first {
            let all = letters
            letters = letters.dropFirst()
            guard let flag = flags.first(where: { $0.short == letter }) else {
                return letter == "h" ? .help : .wrong("unknown shorthand flag: '\(letter)' in -\(all)")
            }
            let value: String
            if letters.hasPrefix("="), letters.count > 1 {
                value = String(letters.dropFirst())
                letters = ""
            } else if flag.kind == .bool {
                value = "true"
            } else if !letters.isEmpty {
                value = String(letters)
                letters = ""
            } else if let next = rest.popFirst() {
                value = next
            } else {
                return .wrong("flag needs an argument: '\(letter)' in -\(all)")
            }
            if case .wrong(let message) = record(flag, value, &arguments) { return .wrong(message) }
        }
        return .taken
    }

    private func record(_ flag: Flag, _ value: String, _ arguments: inout Arguments) -> Step {
        let accepted = flag.accept(value)
        if let recorded = accepted.value {
            arguments.record(flag, recorded)
            return .taken
        }
        return wrong(value, for: flag.short.map { "-\($0), --\(flag.name)" } ?? "--\(flag.name)", accepted.error ?? "")
    }

    /// `--help` is a flag of every verb that does not declare one; `--help=false` changes nothing.
    private func help(_ joined: String?) -> Step {
        guard let joined else { return .help }
        let parsed = Number.bool(joined)
        if let wanted = parsed.value { return wanted ? .help : .taken }
        return wrong(joined, for: "--help", parsed.error ?? "")
    }

    private func wrong(_ value: String, for names: String, _ why: String) -> Step {
        .wrong("invalid argument \(quoted(value)) for \(quoted(names)) flag: \(why)")
    }
}

/// runc's grammar: Go's own flag syntax, with flags after arguments put in front first. A word
/// with a dash that is no flag of the verb is an error before the first argument, and an
/// argument after it.
struct RuncGrammar {
    let flags: [Flag]
    let endsAtArgument: Bool

    func parse(_ words: ArraySlice<String>) -> Grammar.Outcome {
        var arguments = Arguments(flags: flags)
        var rest = words
        while let word = rest.popFirst() {
            if word == "--" {
                arguments.countBeforeDashes = arguments.positional.count
                arguments.positional += rest
                break
            }
            // By bytes: to look for whole characters is dear in a program that runs for milliseconds.
            guard word.utf8.count > 1, word.utf8.first == dash else {
                arguments.positional.append(word)
                if !endsAtArgument { continue }
                arguments.positional += rest
                break
            }
            let afterDash = word.utf8.dropFirst()
            let body = afterDash.first == dash ? afterDash.dropFirst() : afterDash
            let equals = body.firstIndex(of: UInt8(ascii: "="))
            let name = String(decoding: equals.map { body[..<$0] } ?? body, as: UTF8.self)
            guard let flag = flags.first(where: { $0.answers(to: name) || $0.isShort(name) }) else {
                if !arguments.positional.isEmpty {
                    arguments.positional.append(word)
                    continue
                }
                if name == "help" || name == "h" { return .help }
                if name.isEmpty || name.hasPrefix("-") { return .wrong("bad flag syntax: \(word)") }
                return .wrong("flag provided but not defined: -\(name)")
            }
            let value: String
            if let equals { value = String(decoding: body[body.index(after: equals)...], as: UTF8.self) } else if flag.kind == .bool { value = "true" } else {
                guard let next = rest.popFirst() else { return .wrong("flag needs an argument: -\(name)") }
                value = next
            }
            guard let recorded = flag.accept(value).value else { return .wrong(invalid(value, name, flag)) }
            arguments.record(flag, recorded)
        }
        return .parsed(arguments)
    }

    private var dash: UInt8 { UInt8(ascii: "-") }

    private func invalid(_ value: String, _ name: String, _ flag: Flag) -> String {
        switch flag.kind {
        case .bool: "invalid boolean value \(quoted(value)) for -\(name): parse error"
        case .signed, .unsigned: "invalid value \(quoted(value)) for flag -\(name): parse error"
        case .string, .list: "invalid value \(quoted(value)) for flag -\(name): \(flag.accept(value).error ?? "")"
        }
    }
}
