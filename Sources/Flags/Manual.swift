/// One page of the manual, in roff's man macros.
package struct ManualPage: Sendable, Hashable {
    /// Its file, e.g. `cais-run.1`.
    package let fileName: String
    /// Its source.
    package let text: String
}

extension Program {
    /// One page for the program and one for every verb that is shown.
    package func manualPages() -> [ManualPage] {
        allPaths.map { path in
            let title = path.map(\.name).joined(separator: "-")
            return ManualPage(fileName: "\(title).\(section)", text: page(path, title: title))
        }
    }

    private func page(_ path: [Verb], title: String) -> String {
        let verb = path[path.count - 1]
        var lines = [
            ".TH \(roff(title.uppercased())) \(section) \"\" \(macroArgument(String(version.prefix { $0 != "\n" }))) \"\(section == 8 ? "System administration" : "User commands")\"",
            ".SH NAME", "\(roff(title)) \\- \(roff(verb.summary))",
            ".SH SYNOPSIS", ".B \(roff(path.map(\.name).joined(separator: " ")))",
        ]
        if !verb.usage.isEmpty { lines.append(roff(verb.usage)) }
        lines += [".SH DESCRIPTION", roff(verb.summary) + "."]
        for paragraph in verb.details.split(separator: "\n", omittingEmptySubsequences: true) { lines += [".PP", roff(String(paragraph))] }
        if verb.spellings.count > 1 { lines += [".PP", "The same: " + verb.spellings.map { "\\fB\(roff($0))\\fR" }.joined(separator: ", ") + "."] }
        let children = verb.verbs.filter { !$0.hidden }
        if !children.isEmpty {
            lines.append(".SH COMMANDS")
            for child in children { lines += [".TP", "\\fB\(roff(title))-\(roff(child.name))\\fR(\(section))", roff(child.summary) + "."] }
        }
        lines += options(shownFlags(path))
        if path.count > 1 { lines += [".SH SEE ALSO", "\\fB\(roff(path.dropLast().map(\.name).joined(separator: "-")))\\fR(\(section))"] }
        return lines.joined(separator: "\n") + "\n"
    }

    private func options(_ flags: [Flag]) -> [String] {
        var lines = [".SH OPTIONS"]
        var group: String?
        for flag in flags {
            if let title = flag.group, title != group { lines.append(".SS \(roff(title))") }
            group = flag.group ?? group
            let value = flag.valueName.isEmpty ? "" : " \\fI\(roff(flag.valueName))\\fR"
            lines += [".TP", flag.spellings.map { "\\fB\(roff($0))\\fR" }.joined(separator: ", ") + value, roff(flag.help) + "."]
            if let fallback = flag.fallback, !fallback.isEmpty { lines.append("Default: \(roff(fallback)).") }
        }
        return lines
    }
}

/// `text` so that roff prints it as it stands: dashes that can be copied, no escapes, no line
/// that begins like a request.
private func roff(_ text: String) -> String {
    var result = ""
    var startsLine = true
    for character in text {
        switch character {
        case "\\": result += "\\e"
        case "-": result += "\\-"
        case ".", "'":
            if startsLine { result += "\\&" }
            result.append(character)
        default: result.append(character)
        }
        startsLine = character == "\n"
    }
    return result
}

/// `text` as one quoted argument of a macro.
private func macroArgument(_ text: String) -> String {
    "\"" + roff(text).split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
}
