// ImageChanges owns the instructions that `import` takes (`--change`): the part of a Dockerfile's
// language that presets a configuration and runs nothing. No I/O.
import Faults
import OCISpec

/// Applies Dockerfile instructions to a configuration.
enum ImageChanges {
    /// The most instructions of one request.
    static let changesMax = 1_000

    /// Applies `changes` in order; several instructions may stand in one text, a line each.
    /// - Throws: `.invalidArgument` naming the instruction.
    static func apply(_ changes: [String], to execution: ImageConfig.Execution) throws(Fault) -> ImageConfig.Execution {
        var result = execution
        let lines = changes.flatMap { $0.split(whereSeparator: \.isNewline) }.map(trimmed).filter { !$0.isEmpty && !$0.hasPrefix("#") }
        guard lines.count <= changesMax else { throw Fault(.tooLarge, "more than \(changesMax) changes") }
        for line in lines { try within("change \"\(line)\"") { () throws(Fault) in try apply(line, to: &result) } }
        return result
    }

    private static func apply(_ line: String, to result: inout ImageConfig.Execution) throws(Fault) {
        let end = line.firstIndex(where: \.isWhitespace) ?? line.endIndex
        let rest = trimmed(line[end...])
        let name = line[..<end].uppercased()
        guard !rest.isEmpty else { throw Fault(.invalidArgument, "\(name) requires at least one argument") }
        switch name {
        case "CMD": result.cmd = try command(rest)
        case "ENTRYPOINT":
            result.entrypoint = try command(rest)
            // As in a build: a command of the base would be the arguments of another program.
            if rest.first != "[" { result.cmd = nil }
        case "ENV": for (key, value) in try pairs(rest) { set(key, value, in: &result) }
        case "LABEL": for (key, value) in try pairs(rest) { result.labels = (result.labels ?? [:]).merging([key: value]) { $1 } }
        case "EXPOSE": for port in try words(rest) { result.exposedPorts = (result.exposedPorts ?? [:]).merging([try self.port(port): EmptyObject()]) { $1 } }
        case "VOLUME": for path in try list(rest) { result.volumes = (result.volumes ?? [:]).merging([path: EmptyObject()]) { $1 } }
        case "USER": result.user = rest
        case "WORKDIR": result.workingDir = directory(rest, from: result.workingDir)
        case "STOPSIGNAL": result.stopSignal = rest
        case "ONBUILD": result.onBuild = (result.onBuild ?? []) + [rest]
        case let other: throw Fault(.invalidArgument, "\(other) is not a valid change command")
        }
    }

    // MARK: - Forms of arguments

    /// The exec form is a JSON array; everything else is a line for the shell.
    private static func command(_ text: String) throws(Fault) -> [String] { array(text) ?? ["/bin/sh", "-c", text] }

    private static func list(_ text: String) throws(Fault) -> [String] {
        if let items = array(text) { return items }
        return try words(text)
    }

    private static func array(_ text: String) -> [String]? {
        // Not JSON: then it is the other form, as a Dockerfile has it.
        text.hasPrefix("[") ? try? JSON.decode([String].self, from: Array(text.utf8)) : nil
    }

    /// `key=value …`, or the old `key value`.
    private static func pairs(_ text: String) throws(Fault) -> [(String, String)] {
        let words = try words(text)
        guard let first = words.first else { return [] }
        if !first.contains("=") {
            guard words.count > 1 else { throw Fault(.invalidArgument, "\"\(first)\" must have a value") }
            return [(first, trimmed(text.dropFirst(first.count)))]
        }
        var found: [(String, String)] = []
        for word in words {
            guard let equals = word.firstIndex(of: "="), equals != word.startIndex else { throw Fault(.invalidArgument, "\"\(word)\" is no key=value") }
            found.append((String(word[..<equals]), String(word[word.index(after: equals)...])))
        }
        return found
    }

    /// Words with the shell's quotes and backslashes.
    private static func words(_ text: String) throws(Fault) -> [String] {
        var words: [String] = []
        var word = ""
        var inWord = false
        var quote: Character?
        var characters = text[...]
        while let character = characters.popFirst() {
            if let open = quote {
                if character == open { quote = nil } else if character == "\\", open == "\"", let next = characters.popFirst() { word.append(next) } else { word.append(character) }
            } else if character == "\"" || character == "'" {
                (quote, inWord) = (character, true)
            } else if character == "\\", let next = characters.popFirst() {
                word.append(next)
                inWord = true
            } else if character.isWhitespace {
                if inWord { words.append(word) }
                (word, inWord) = ("", false)
            } else {
                word.append(character)
                inWord = true
            }
        }
        guard quote == nil else { throw Fault(.invalidArgument, "a quote is not closed") }
        return inWord ? words + [word] : words
    }

    private static func port(_ text: String) throws(Fault) -> String {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let transport = parts.count == 2 ? parts[1].lowercased() : "tcp"
        guard (1...2).contains(parts.count), let number = UInt16(parts[0]), number > 0, ["tcp", "udp", "sctp"].contains(transport) else {
            throw Fault(.invalidArgument, "invalid containerPort: \(text)")
        }
        return "\(number)/\(transport)"
    }

    private static func directory(_ text: String, from base: String?) -> String {
        if text.hasPrefix("/") { return text }
        let base = base ?? "/"
        return base.hasSuffix("/") ? base + text : "\(base)/\(text)"
    }

    private static func set(_ key: String, _ value: String, in result: inout ImageConfig.Execution) {
        let others = (result.env ?? []).filter { !$0.hasPrefix("\(key)=") }
        result.env = others + ["\(key)=\(value)"]
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
