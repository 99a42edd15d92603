import Flags

/// A program small enough to read and with every kind of flag.
enum Act: Int, Sendable, Hashable { case run, ps, list, stop, pair, range, plain }

let docker = Program(
    version: "Cais version 1",
    root: Verb(
        noun: "cais", "A container engine", usage: "[OPTIONS] COMMAND",
        flags: [.list("host", short: "H", "Daemon socket"), .bool("debug", short: "D", "Enable debug mode")],
        verbs: [
            Verb(
                "run", "Create and run a new container from an image", usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
                spellings: ["cais container run", "cais run"], arity: .atLeast(1), endsAtArgument: true, action: Act.run,
                flags: [
                    .bool("rm", group: "Lifetime", "Remove the container when it exits"),
                    .bool("interactive", short: "i", "Keep STDIN open"), .bool("tty", short: "t", "Allocate a pseudo-TTY"),
                    .bool("sig-proxy", default: true, "Proxy received signals"),
                    .list("publish", short: "p", "Publish ports"), .list("env", short: "e", check: { $0.hasPrefix("=") ? "invalid environment variable: \($0)" : nil }, "Set variables"),
                    .string("name", candidates: .words(["a", "b"]), "Assign a name"), .string("hostname", short: "h", "Host name"),
                    .string("network", aliases: ["net"], "Connect to a network"),
                    .string("pull", default: "missing", "Pull image"), .int("oom-score-adj", bits: 64, "Score"),
                    .uint("blkio-weight", bits: 16, "Weight"), .string("old", hidden: true, "Not shown"),
                ]),
            Verb("ps", "List containers", action: Act.ps, flags: [.bool("all", short: "a", "All"), .int("last", short: "n", default: -1, "Last")]),
            Verb("stop", "Stop", usage: "CONTAINER [CONTAINER...]", arity: .atLeast(1), action: Act.stop),
            Verb("rename", "Rename", usage: "CONTAINER NEW_NAME", arity: .exactly(2), action: Act.pair),
            Verb("images", "Images", usage: "[OPTIONS] [REPOSITORY]", arity: .atMost(1), action: Act.range),
            Verb(noun: "container", "Manage containers", verbs: [Verb("ls", aliases: ["list", "ps"], "List containers", action: Act.list)]),
        ]))

let runc = Program(
    version: "cais-runtime version 1", grammar: .runc, section: 8,
    root: Verb(
        noun: "cais-runtime", "Runtime", usage: "[global options] command [command options]",
        flags: [.string("root", "Root"), .string("log-format", default: "text", "Format")],
        verbs: [
            Verb("create", "Create", usage: "[command options] ID", arity: .exactly(1), action: Act.run,
                flags: [.string("bundle", short: "b", "Bundle"), .uint("preserve-fds", "N"), .bool("no-pivot", "No pivot")]),
            Verb("delete", "Delete", usage: "ID", arity: .exactly(1), action: Act.stop, flags: [.bool("force", short: "f", "Force")]),
            Verb("exec", "Exec", usage: "ID CMD", arity: .atLeast(1), endsAtArgument: true, action: Act.list,
                flags: [.bool("detach", short: "d", "Detach"), .list("env", short: "e", "Env")]),
            Verb("kill", "Kill", usage: "ID [SIG]", arity: .between(1, 2), action: Act.pair, flags: [.bool("all", short: "a", "All")]),
        ]))

let daemon = Program(
    version: "caisd 1", section: 8,
    root: Verb("caisd", "The engine", usage: "[OPTIONS]", arity: .none, action: Act.plain, flags: [.string("data-root", default: "/var/lib/cais", "Root")]))

extension Program {
    func arguments(_ words: String...) -> Arguments? {
        if case .run(let invocation) = parse(words) { invocation.arguments } else { nil }
    }
    func misuse(_ words: String...) -> Misuse? {
        if case .misuse(let misuse) = parse(words) { misuse } else { nil }
    }
    func shown(_ words: String...) -> String? {
        if case .show(let text) = parse(words) { text } else { nil }
    }
}
