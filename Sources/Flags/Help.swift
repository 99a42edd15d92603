// The help of a program, a noun or a verb: usage, what it does, other spellings, verbs, and the
// flags in a column that wraps at the width of a terminal, grouped by theme where they have one.

/// The width that help is wrapped to.
private let helpWidth = 80

extension Program {
    /// The help of the last verb of `path`, ending with a line's end.
    package func help(for path: [Verb]) -> String {
        let verb = path[path.count - 1]
        var parts = ["Usage:  \(usageLine(path))", verb.details.isEmpty ? verb.summary : "\(verb.summary)\n\n\(verb.details)"]
        let spellings = verb.spellings.isEmpty ? aliasSpellings(path) : verb.spellings
        if spellings.count > 1 { parts.append("Aliases:\n  " + spellings.joined(separator: ", ")) }
        let isRoot = path.count == 1
        if isRoot { parts += verbSections(verb) } else if !verb.verbs.isEmpty { parts += verbSections(verb) }
        parts += flagSections(isRoot ? globalFlags : verb.flags, title: isRoot && !verb.verbs.isEmpty ? "Global Options" : "Options")
        if !verb.verbs.isEmpty { parts.append("Run '\(words(path)) COMMAND --help' for more information on a command.") }
        return parts.joined(separator: "\n\n") + "\n"
    }

    private func aliasSpellings(_ path: [Verb]) -> [String] {
        let verb = path[path.count - 1]
        guard path.count > 1, !verb.aliases.isEmpty else { return [] }
        let before = words(path.dropLast())
        return ([verb.name] + verb.aliases).map { "\(before) \($0)" }
    }

    private func verbSections(_ verb: Verb) -> [String] {
        let shown = verb.verbs.filter { !$0.hidden }
        let width = shown.map(\.name.count).max() ?? 0
        return titles(shown.map { $0.group ?? "Commands" }).map { title in
            let lines = shown.filter { ($0.group ?? "Commands") == title }.map { verb in
                "  \(padded(verb.name, to: width))  \(verb.summary)"
            }
            return "\(title):\n" + lines.joined(separator: "\n")
        }
    }

    private func flagSections(_ flags: [Flag], title defaultTitle: String) -> [String] {
        let shown = flags.filter { !$0.hidden }
        let width = shown.map(\.column.count).max() ?? 0
        return titles(shown.map { $0.group ?? defaultTitle }).map { title in
            let lines = shown.filter { ($0.group ?? defaultTitle) == title }.map { flag in
                "\(padded(flag.column, to: width))   " + wrapped(flag.sentence, indent: width + 3)
            }
            return "\(title):\n" + lines.joined(separator: "\n")
        }
    }

    private func words(_ path: ArraySlice<Verb>) -> String { words(Array(path)) }
}

extension Flag {
    /// `  -m, --memory bytes`
    fileprivate var column: String {
        "  \(short.map { "-\($0), " } ?? "    ")--\(name)\(valueName.isEmpty ? "" : " \(valueName)")"
    }

    /// What it does, with its default where that says something.
    fileprivate var sentence: String {
        guard let fallback, !fallback.isEmpty else { return help }
        if case .string = kind { return "\(help) (default \(quoted(fallback)))" }
        return "\(help) (default \(fallback))"
    }
}

/// Each title once, in order of appearance.
private func titles(_ all: [String]) -> [String] {
    var seen: [String] = []
    for title in all where !seen.contains(title) { seen.append(title) }
    return seen
}

private func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

/// Breaks at spaces so that no line passes ``helpWidth``; lines after the first start at `indent`.
/// A column that is itself too wide leaves at least 24 characters for the text.
private func wrapped(_ text: String, indent: Int) -> String {
    let room = max(24, helpWidth - indent)
    var lines: [String] = []
    for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
        var line = ""
        for word in paragraph.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > room {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        lines.append(line)
    }
    return lines.joined(separator: "\n" + String(repeating: " ", count: indent))
}
