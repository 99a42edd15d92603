// CommandTable owns the verbs and flags, as runc has them.
import Flags
import RuntimeCore

/// What a verb does, by name; the code is in Commands.
enum Action: Sendable {
    case create, start, run, state, kill, delete, exec, list, ps, pause, resume, update, events, spec, features
}

enum CommandTable {
    static let version = "cais-runtime version 0.1.0\nspec: 1.3.0"

    static let program: Program<Action> = Program(
        version: version, grammar: .runc, section: 8,
        root: Verb<Action>(
            noun: "cais-runtime", "OCI runtime: runs containers from bundles", usage: "[OPTIONS] COMMAND",
            details: """
                Creates and runs containers from OCI bundles: directories with a config.json and a root file system.
                Another user than root needs a user namespace in the configuration (spec --rootless makes one), newuidmap(1) and \
                newgidmap(1) with entries in subuid(5) and subgid(5) to map more than the own id, and a cgroup of the own for limits.
                """,
            flags: [
                .string("root", value: "dir", default: StateStore.defaultRoot, candidates: .directories, "Directory that keeps the state of containers; that of another user than root is $XDG_RUNTIME_DIR/cais-runtime"),
                .string("log", value: "file", candidates: .files, "File for log lines; standard error without it"),
                .string("log-format", value: "format", default: "text", "Format of log lines: text or json"),
                .bool("debug", "Write debug lines to the log"),
                .bool("systemd-cgroup", "Refused: cgroups are made in the file system, not by systemd"),
                .string("rootless", value: "mode", default: "auto", "Do without a cgroup where none may be made: true, false, or auto (all but real root)"),
            ],
            verbs: [
                Verb<Action>(
                    "create", "Create a container that waits for start", usage: "[OPTIONS] ID", arity: .exactly(1), action: .create,
                    flags: creationFlags),
                Verb<Action>("start", "Start the program of a created container", usage: "ID", arity: .exactly(1), action: .start),
                Verb<Action>(
                    "run", "Create and start a container", usage: "[OPTIONS] ID", arity: .exactly(1), action: .run,
                    flags: creationFlags + [
                        .bool("detach", short: "d", "Do not wait for the program's end"),
                        .bool("keep", "Do not delete the container when the program has ended"),
                        .bool("no-subreaper", "Accepted as runc's; this runtime never becomes a subreaper"),
                    ]),
                Verb<Action>("state", "Print the state of a container", usage: "ID", arity: .exactly(1), action: .state),
                Verb<Action>(
                    "kill", "Send a signal to the program of a container", usage: "[OPTIONS] ID [SIGNAL]", details: "The signal is SIGTERM when none is given.",
                    arity: Arity.between(1, 2), action: .kill, flags: [.bool("all", short: "a", "Send the signal to every process of the container")]),
                Verb<Action>(
                    "delete", "Delete a container", usage: "[OPTIONS] ID", arity: .exactly(1), action: .delete,
                    flags: [.bool("force", short: "f", "Kill it if it still runs; no error if it does not exist")]),
                Verb<Action>(
                    "exec", "Run another program in a running container", usage: "[OPTIONS] ID COMMAND [ARG...]", arity: .atLeast(1), endsAtArgument: true,
                    action: .exec, flags: execFlags),
                Verb<Action>(
                    "list", "List containers", usage: "[OPTIONS]", action: .list,
                    flags: [
                        .string("format", short: "f", value: "format", default: "table", "table or json"),
                        .bool("quiet", short: "q", "Print names only"),
                    ]),
                Verb<Action>(
                    "ps", "List the processes of a container", usage: "[OPTIONS] ID", arity: .exactly(1), action: .ps,
                    flags: [.string("format", short: "f", value: "format", default: "table", "table or json")]),
                Verb<Action>("pause", "Freeze all processes of a container", usage: "ID", arity: .exactly(1), action: .pause),
                Verb<Action>("resume", "Let the processes of a paused container go on", usage: "ID", arity: .exactly(1), action: .resume),
                Verb<Action>(
                    "update", "Change the limits of a running container", usage: "[OPTIONS] ID", arity: .exactly(1), action: .update, flags: updateFlags),
                Verb<Action>(
                    "events", "Print what a container uses, and when its memory runs out", usage: "[OPTIONS] ID",
                    details: "Prints one JSON object a line until the container ends.", arity: .exactly(1), action: .events, flags: eventsFlags),
                Verb<Action>(
                    "spec", "Write a config.json to begin with", usage: "[OPTIONS]", action: .spec,
                    flags: [
                        .string("bundle", short: "b", value: "dir", candidates: .directories, "Directory to write it to"),
                        .bool("rootless", "For a user without privileges"),
                    ]),
                Verb<Action>("features", "Print what this runtime implements, as JSON", usage: "", action: .features),
            ]))

    private static var creationFlags: [Flag] {
        [
            .string("bundle", short: "b", value: "dir", candidates: .directories, "The bundle; the working directory without it"),
            .string("console-socket", value: "path", candidates: .files, "Socket that gets the terminal's master end"),
            .string("pid-file", value: "file", candidates: .files, "File for the pid of the container's init"),
            .string("pidfd-socket", value: "path", candidates: .files, "Socket that gets a pidfd of the container's init"),
            .bool("no-pivot", "Change the root with chroot instead of pivot_root"),
            .bool("no-new-keyring", "Keep the caller's session keyring"),
            .uint("preserve-fds", bits: 16, default: 0, "Descriptors after the standard streams that the program gets"),
        ]
    }

    private static var execFlags: [Flag] {
        [
            .string("process", short: "p", value: "file", candidates: .files, "File with the process as JSON"),
            .string("console-socket", value: "path", candidates: .files, "Socket that gets the terminal's master end"),
            .string("cwd", value: "dir", "Working directory in the container"),
            .list("env", short: "e", value: "NAME=VALUE", "Variable of the environment, added to the container's"),
            .bool("tty", short: "t", "Give it a terminal"),
            .string("user", short: "u", value: "UID[:GID]", "User and group, as numbers"),
            .list("additional-gids", short: "g", value: "GID", "Another group"),
            .bool("detach", short: "d", "Do not wait for the program's end"),
            .string("pid-file", value: "file", candidates: .files, "File for the pid of the program"),
            .string("pidfd-socket", value: "path", candidates: .files, "Socket that gets a pidfd of the program"),
            .bool("no-new-privs", "Let no program gain privileges"),
            .list("cap", short: "c", value: "CAP_NAME", "A capability in addition to the container's"),
            .uint("preserve-fds", bits: 16, default: 0, "Descriptors after the standard streams that the program gets"),
            .bool("ignore-paused", "Also in a paused container: it runs when that goes on"),
        ]
    }
}
