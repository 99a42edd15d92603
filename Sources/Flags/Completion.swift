/// A shell that completion scripts are written for.
package enum Shell: String, Sendable, CaseIterable {
    case bash
    case zsh
    case fish
}

extension Program {
    /// A script that completes verbs, flags, values and arguments. It is made from the tables
    /// alone; only candidates that live in the engine are asked for when the key is pressed.
    package func completion(for shell: Shell) -> String {
        switch shell {
        case .bash: bashScript()
        case .zsh: zshScript()
        case .fish: fishScript()
        }
    }

    /// Every verb that is shown, parents first, with the words before it.
    var allPaths: [[Verb]] {
        func below(_ path: [Verb]) -> [[Verb]] {
            [path] + path[path.count - 1].verbs.filter { !$0.hidden }.flatMap { below(path + [$0]) }
        }
        return below([root])
    }

    func shownFlags(_ path: [Verb]) -> [Flag] {
        (path.count == 1 ? globalFlags : path[path.count - 1].flags).filter { !$0.hidden }
            + [.bool("help", "Print usage")]
    }

    // MARK: bash

    private func bashScript() -> String {
        var flagCases: [String] = []
        var valueCases: [String] = []
        var wordCases: [String] = []
        for path in allPaths {
            let keys = bashKeys(path)
            let key = pattern(keys)
            let flags = shownFlags(path)
            flagCases.append("        \(key)) echo \"\(flags.flatMap(\.spellings).joined(separator: " "))\" ;;")
            for flag in flags where flag.kind != .bool {
                let places = flag.spellings.flatMap { spelling in keys.map { "\($0) \(spelling)" } }
                valueCases.append("        \(pattern(places))) \(flag.candidates.bash) ;;")
            }
            let verbs = path[path.count - 1].verbs.filter { !$0.hidden }.flatMap { [$0.name] + $0.aliases }
            let words = verbs.isEmpty ? path[path.count - 1].candidates : .words(verbs + (path.count == 1 ? ["help", "completion"] : []))
            wordCases.append("        \(key)) \(words.bash) ;;")
        }
        let completions = pattern(["\(name) completion"])
        flagCases.append("        \(completions)) echo --help ;;")
        wordCases.append("        \(completions)) \(Candidates.words(Shell.allCases.map(\.rawValue)).bash) ;;")
        let function = "_" + name.split(separator: "-").joined(separator: "_")
        return """
            # bash completion for \(name), made by `\(name) completion bash`.
            \(function)_flags() {
                case "$1" in
            \(flagCases.joined(separator: "\n"))
                esac
            }
            \(function)_value() {
                case "$1 $2" in
            \(valueCases.joined(separator: "\n"))
                    *) return 1 ;;
                esac
            }
            \(function)_words() {
                case "$1" in
            \(wordCases.joined(separator: "\n"))
                esac
            }
            \(function)() {
                local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" key="\(name)" word i=1
                COMPREPLY=()
                while [ $i -lt $COMP_CWORD ]; do
                    word="${COMP_WORDS[i]}"
                    if [ -n "$(\(function)_flags "$key $word")" ]; then key="$key $word"; fi
                    i=$((i + 1))
                done
                if \(function)_value "$key" "$previous" >/dev/null 2>&1; then
                    COMPREPLY=($(compgen -W "$(\(function)_value "$key" "$previous" | grep -v '^@')" -- "$current"))
                    case "$(\(function)_value "$key" "$previous")" in
                        @files) COMPREPLY=($(compgen -f -- "$current")) ;;
                        @directories) COMPREPLY=($(compgen -d -- "$current")) ;;
                    esac
                    return
                fi
                case "$current" in
                    -*) COMPREPLY=($(compgen -W "$(\(function)_flags "$key")" -- "$current")); return ;;
                esac
                case "$(\(function)_words "$key")" in
                    @files) COMPREPLY=($(compgen -f -- "$current")) ;;
                    @directories) COMPREPLY=($(compgen -d -- "$current")) ;;
                    *) COMPREPLY=($(compgen -W "$(\(function)_words "$key")" -- "$current")) ;;
                esac
            }
            complete -F \(function) \(name)

            """
    }

    /// The verb's words in every spelling: `cais container ls`, `cais container ps`.
    private func bashKeys(_ path: [Verb]) -> [String] {
        var keys = [name]
        for verb in path.dropFirst() { keys = keys.flatMap { key in ([verb.name] + verb.aliases).map { "\(key) \($0)" } } }
        return keys
    }

    private func pattern(_ keys: [String]) -> String { keys.map { "\"\($0)\"" }.joined(separator: "|") }

    // MARK: zsh

    /// zsh runs the bash script through its own compatibility layer: one script to be right about.
    private func zshScript() -> String {
        """
        #compdef \(name)
        # zsh completion for \(name), made by `\(name) completion zsh`.
        autoload -U +X bashcompinit && bashcompinit
        \(bashScript())
        """
    }

    // MARK: fish

    private func fishScript() -> String {
        var lines = ["# fish completion for \(name), made by `\(name) completion fish`.", "complete -c \(name) -f"]
        let shells = Shell.allCases.map(\.rawValue).joined(separator: " ")
        lines.append("complete -c \(name) -n '__fish_seen_subcommand_from completion' -a \(shellQuoted(shells))")
        for path in allPaths {
            let verb = path[path.count - 1]
            let condition = fishCondition(path)
            for child in verb.verbs where !child.hidden {
                lines.append("complete -c \(name) -n \(shellQuoted(condition)) -a \(child.name) -d \(shellQuoted(child.summary))")
            }
            for flag in shownFlags(path) {
                var line = "complete -c \(name) -n \(shellQuoted(condition)) -l \(flag.name)"
                if let short = flag.short { line += " -s \(short)" }
                line += " -d \(shellQuoted(flag.help.firstLine))"
                if flag.kind != .bool { line += " -r\(flag.candidates.fish)" }
                lines.append(line)
            }
            if verb.verbs.isEmpty, verb.candidates != .none {
                lines.append("complete -c \(name) -n \(shellQuoted(condition))\(verb.candidates.fish)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func fishCondition(_ path: [Verb]) -> String {
        let verb = path[path.count - 1]
        let seen = path.dropFirst().map { "__fish_seen_subcommand_from \(([$0.name] + $0.aliases).joined(separator: " "))" }
        let children = verb.verbs.filter { !$0.hidden }.map(\.name)
        var parts = Array(seen)
        if path.count == 1, !children.isEmpty { return "__fish_use_subcommand" }
        if !children.isEmpty { parts.append("not __fish_seen_subcommand_from \(children.joined(separator: " "))") }
        // A verb at the top must not answer for a verb of the same name below a noun.
        if path.count == 2 {
            let nouns = root.verbs.filter { !$0.verbs.isEmpty && $0.name != verb.name }.map(\.name)
            if !nouns.isEmpty { parts.append("not __fish_seen_subcommand_from \(nouns.joined(separator: " "))") }
        }
        return parts.isEmpty ? "true" : parts.joined(separator: "; and ")
    }
}

extension Flag {
    var spellings: [String] { (short.map { ["-\($0)"] } ?? []) + ["--\(name)"] }
}

extension Candidates {
    /// A shell command that prints the candidates, or a word with @ for what compgen finds itself.
    fileprivate var bash: String {
        switch self {
        case .none: ":"
        case .files: "echo @files"
        case .directories: "echo @directories"
        case .words(let words): "echo \(shellQuoted(words.joined(separator: " ")))"
        case .command(let command): "\(command) 2>/dev/null"
        }
    }

    fileprivate var fish: String {
        switch self {
        case .none: ""
        case .files, .directories: " -F"
        case .words(let words): " -a \(shellQuoted(words.joined(separator: " ")))"
        case .command(let command): " -a \(shellQuoted("(\(command) 2>/dev/null)"))"
        }
    }
}

extension String {
    fileprivate var firstLine: String { String(prefix { $0 != "\n" }) }
}

/// `text` as one word of a POSIX shell.
private func shellQuoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}
