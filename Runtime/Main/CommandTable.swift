// CommandTable owns the verbs and flags, as runc has them.
import Flags
import RuntimeCore

/// What a verb does, by name; the code is in Commands.
enum Action: Int, Sendable {
    case create, start, run, state, kill, delete, exec, list, ps, pause, resume, update, events, spec, features, checkpoint, restore
}

enum CommandTable {
    static var version: String { "cais-runtime version 0.1.0\n\(Features.versionLines)" }

    static let program: Program = Program(
        version: version, grammar: .runc, section: 8,
        root: Verb(
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
                .string("criu", value: "program", default: "criu", candidates: .files, "The criu that checkpoint and restore call"),
                .bool("systemd-cgroup", "Refused with the reason: cgroups are made in the file system, not by systemd"),
                .string("rootless", value: "mode", default: "auto", "Do without a cgroup where none may be made: true, false, or auto (all but real root)"),
            ],
            verbs: [
                Verb(
                    "create", "Create a container that waits for start", usage: "[OPTIONS] ID", arity: .exactly(1), action: Action.create,
                    flags: creationFlags),
                Verb("start", "Start the program of a created container", usage: "ID", arity: .exactly(1), candidates: containers, action: Action.start),
                Verb(
                    "run", "Create and start a container", usage: "[OPTIONS] ID", arity: .exactly(1), action: Action.run,
                    flags: creationFlags + [
                        .bool("detach", short: "d", "Do not wait for the program's end"),
                        .bool("keep", "Do not delete the container when the program has ended"),
                        .bool("no-subreaper", "Leave processes that lost their parents to the machine's init"),
                    ]),
                Verb("state", "Print the state of a container", usage: "ID", arity: .exactly(1), candidates: containers, action: Action.state),
                Verb(
                    "kill", "Send a signal to the program of a container", usage: "[OPTIONS] ID [SIGNAL]", details: "The signal is SIGTERM when none is given.",
                    arity: Arity.between(1, 2), candidates: containers, action: Action.kill, flags: [.bool("all", short: "a", "Send the signal to every process of the container")]),
                Verb(
                    "delete", "Delete a container", usage: "[OPTIONS] ID", arity: .exactly(1), candidates: containers, action: Action.delete,
                    flags: [.bool("force", short: "f", "Kill it if it still runs; no error if it does not exist")]),
                Verb(
                    "exec", "Run another program in a running container", usage: "[OPTIONS] ID COMMAND [ARG...]", arity: .atLeast(1), endsAtArgument: true,
                    candidates: containers, action: Action.exec, flags: execFlags),
                Verb(
                    "list", "List containers", usage: "[OPTIONS]", action: Action.list,
                    flags: [
                        .string("format", short: "f", value: "format", default: "table", "table or json"),
                        .bool("quiet", short: "q", "Print names only"),
                    ]),
                Verb(
                    "ps", "List the processes of a container", usage: "[OPTIONS] ID [PS OPTIONS]",
                    details: "The options are the host's ps', -ef without any; of what it prints the lines about the container's processes are shown.",
                    arity: .atLeast(1), endsAtArgument: true, candidates: containers, action: Action.ps,
                    flags: [.string("format", short: "f", value: "format", default: "table", "table or json")]),
                Verb("pause", "Freeze all processes of a container", usage: "ID", arity: .exactly(1), candidates: containers, action: Action.pause),
                Verb("resume", "Let the processes of a paused container go on", usage: "ID", arity: .exactly(1), candidates: containers, action: Action.resume),
                Verb(
                    "update", "Change the limits of a running container", usage: "[OPTIONS] ID", arity: .exactly(1), candidates: containers, action: Action.update, flags: updateFlags),
                Verb(
                    "events", "Print what a container uses, and when its memory runs out", usage: "[OPTIONS] ID",
                    details: "Prints one JSON object a line until the container ends.", arity: .exactly(1), candidates: containers, action: Action.events, flags: eventsFlags),
                Verb(
                    "spec", "Write a config.json to begin with", usage: "[OPTIONS]", action: Action.spec,
                    flags: [
                        .string("bundle", short: "b", value: "dir", candidates: .directories, "Directory to write it to"),
                        .bool("rootless", "For a user without privileges"),
                    ]),
                Verb(
                    "checkpoint", "Write a running container to disk", usage: "[OPTIONS] ID",
                    details: "The container ends, unless --leave-running or --pre-dump is given. criu must be installed.",
                    arity: .exactly(1), candidates: containers, action: Action.checkpoint, flags: checkpointFlags),
                Verb(
                    "restore", "Bring a container back from disk", usage: "[OPTIONS] ID",
                    details: "The bundle is the one that the container was made from, or a copy. criu must be installed.",
                    arity: .exactly(1), action: Action.restore, flags: restoreFlags),
                Verb("features", "Print what this runtime implements, as JSON", usage: "", action: Action.features),
            ]))

    /// The names of containers, for completion.
    private static var containers: Candidates { .command("cais-runtime list -q") }

    private static var creationFlags: [Flag] {
        [
            .string("bundle", short: "b", value: "dir", candidates: .directories, "The bundle; the working directory without it"),
            .string("console-socket", value: "path", candidates: .files, "Socket that gets the terminal's master end"),
            .string("pid-file", value: "file", candidates: .files, "File for the pid of the container's init"),
            .string("pidfd-socket", value: "path", candidates: .files, "Socket that gets a pidfd of the container's init"),
            .bool("no-pivot", "Change the root with chroot where pivot_root cannot work, as on a ramdisk"),
            .bool("no-new-keyring", "Keep the caller's session keyring"),
            .uint("preserve-fds", bits: 16, default: 0, "Descriptors after the standard streams that the program gets"),
        ]
    }

    /// What checkpoint and restore share.
    private static var imageFlags: [Flag] {
        [
            .string("image-path", value: "dir", default: "checkpoint", candidates: .directories, "Directory of the images"),
            .string("work-path", value: "dir", candidates: .directories, "Directory for criu's logs"),
            .bool("tcp-established", "With established TCP connections"),
            .bool("ext-unix-sk", "With unix sockets to the outside"),
            .bool("shell-job", "With a session whose leader is outside"),
            .bool("file-locks", "With file locks"),
            .bool("auto-dedup", "Take out of earlier images what later ones have"),
            .string(
                "manage-cgroups-mode", value: "mode", default: "ignore", candidates: .words(["ignore", "soft", "full", "strict"]),
                "Whether criu writes and restores cgroups: soft, full, strict or ignore"),
            .list("empty-ns", value: "namespace", candidates: .words(["network"]), "Restore this namespace empty: network"),
            .bool("lazy-pages", "Refused: memory is restored before the container runs"),
        ]
    }

    private static var checkpointFlags: [Flag] {
        imageFlags + [
            .string("parent-path", value: "dir", candidates: .directories, "Directory of an earlier checkpoint, relative to --image-path"),
            .bool("leave-running", "Let the container go on"),
            .bool("pre-dump", "Write memory only, and let the container go on"),
            .bool("tcp-skip-in-flight", "Without TCP connections that are just being made"),
            .bool("link-remap", "Link files back that are deleted and open"),
            .string("page-server", value: "ADDRESS:PORT", "Send memory to a page server"),
            .string("status-fd", value: "fd", "Refused: it belongs to lazy pages"),
        ]
    }

    private static var restoreFlags: [Flag] {
        imageFlags + [
            .string("bundle", short: "b", value: "dir", candidates: .directories, "The bundle; the working directory without it"),
            .bool("detach", short: "d", "Do not wait for the program's end"),
            .string("pid-file", value: "file", candidates: .files, "File for the pid of the container's init"),
            .string("pidfd-socket", value: "path", candidates: .files, "Socket that gets a pidfd of the container's init"),
            .bool("no-subreaper", "Leave processes that lost their parents to the machine's init"),
            .string("console-socket", value: "path", candidates: .files, "Refused: criu's command line does not give a terminal back"),
            .bool("no-pivot", "Refused: criu changes the root by pivot_root"),
            .string("lsm-profile", value: "TYPE:NAME", "Refused: labels are restored as they were"),
            .string("lsm-mount-context", value: "context", "Refused: labels are restored as they were"),
        ]
    }

    private static var execFlags: [Flag] {
        [
            .string("process", short: "p", value: "file", candidates: .files, "File with the process as JSON"),
            .string("console-socket", value: "path", candidates: .files, "Socket that gets the terminal's master end"),
            .string("cwd", value: "dir", "Working directory in the container"),
            .list("env", short: "e", value: "NAME=VALUE", "Variable of the environment, added to the container's"),
            .bool("tty", short: "t", "Give it a terminal"),
            .string("user", short: "u", value: "USER[:GROUP]", "User and group: numbers, or names of the container's own"),
            .list("additional-gids", short: "g", value: "GID", "Another group"),
            .bool("detach", short: "d", "Do not wait for the program's end"),
            .string("pid-file", value: "file", candidates: .files, "File for the pid of the program"),
            .string("pidfd-socket", value: "path", candidates: .files, "Socket that gets a pidfd of the program"),
            .bool("no-new-privs", "Let no program gain privileges"),
            .string("process-label", value: "label", "SELinux label of the program"),
            .string("apparmor", value: "profile", "AppArmor profile of the program"),
            .list("cap", short: "c", value: "CAP_NAME", "A capability in addition to the container's"),
            .uint("preserve-fds", bits: 16, default: 0, "Descriptors after the standard streams that the program gets"),
            .list("cgroup", value: "[CONTROLLER:]PATH", "A cgroup beneath the container's for the program; with a controller on cgroup v1"),
            .bool("ignore-paused", "Also in a paused container: it runs when that goes on"),
        ]
    }
}
