import Faults
import Flags
import Lifecycle
import Linux
import ShimCore

// The table of cais-shim's verbs and flags.

/// What cais-shim does.
enum ShimAction: Int, Sendable { case run, status, start, logs, attach, exec, signal, stop }

let commandLine = Program(
    version: "cais-shim 0.1.0",
    root: Verb(
        noun: "cais-shim", "Run a container from a bundle and supervise it",
        verbs: [
            Verb(
                "run", "Make the bundle's container, start it, and see it through", usage: "[OPTIONS] --bundle DIR",
                details: """
                    In the foreground the container's output and input are this terminal's, signals are passed on, and the exit code is
                    the container's. The supervisor itself is a process of its own: with --detach, or after this program has been killed,
                    it goes on, reached by its socket.
                    """,
                action: ShimAction.run, flags: runFlags),
            Verb(
                "status", "Show the state of a supervisor and its container as JSON", usage: "SOCKET", arity: .exactly(1),
                candidates: .files, action: ShimAction.status),
            Verb(
                "start", "Start a container that --wait-start left waiting", usage: "SOCKET", arity: .exactly(1), candidates: .files,
                action: ShimAction.start),
            Verb(
                "logs", "Print what a container has written", usage: "[OPTIONS] SOCKET", arity: .exactly(1), candidates: .files,
                action: ShimAction.logs,
                flags: [
                    .bool("follow", short: "f", "Go on until the container ends"),
                    .bool("timestamps", short: "t", "Put the time before each line"),
                ]),
            Verb(
                "attach", "Join a container's input and output", usage: "[OPTIONS] SOCKET", arity: .exactly(1), candidates: .files,
                action: ShimAction.attach,
                flags: [.bool("no-stdin", "Do not attach standard input"), detachKeys]),
            Verb(
                "exec", "Run one more command in a container", usage: "[OPTIONS] SOCKET COMMAND [ARG...]", arity: .atLeast(2),
                endsAtArgument: true,
                candidates: .files, action: ShimAction.exec,
                flags: [
                    .bool("interactive", short: "i", "Keep standard input open"), .bool("tty", short: "t", "Give it a terminal"),
                    .bool("detach", short: "d", "Leave it running"), .list("env", short: "e", "Set an environment variable"),
                    .string("workdir", short: "w", "Working directory in the container"),
                    .string("user", short: "u", value: "uid[:gid]", "Numeric user and group"), detachKeys,
                ]),
            Verb(
                "signal", "Send a signal to a container", usage: "[OPTIONS] SOCKET SIGNAL", arity: .exactly(2), candidates: .files,
                action: ShimAction.signal,
                flags: [.bool("all", "To all its processes"), .bool("cancel-restart", "Do not start it again when it ends of this")]),
            Verb(
                "stop", "End a container for good", usage: "[OPTIONS] SOCKET", arity: .exactly(1), candidates: .files, action: ShimAction.stop,
                flags: [
                    .int("time", short: "t", "Seconds before it is killed; -1 waits for ever"),
                    .string("signal", short: "s", check: checkSignal, "Signal to send first"),
                ]),
        ]))

private let detachKeys = Flag.bool("no-detach-keys", "Pass ctrl-p ctrl-q through instead of detaching")

@Sendable private func checkSignal(_ text: String) -> String? { SignalNames.number(text) == nil ? "no such signal: \(text)" : nil }

@Sendable private func checkPolicy(_ text: String) -> String? {
    do throws(Fault) {
        _ = try RestartPolicy(parsing: text)
        return nil
    } catch { return error.reason }
}

private let runFlags: [Flag] =
    group(
        "Container",
        [
            .string("bundle", short: "b", value: "DIR", candidates: .directories, "Directory with config.json and rootfs"),
            .string("id", "Name for it; the bundle directory's name where not given"),
            .bool("tty", short: "t", "It has a terminal, as its config.json must say too"),
            .string(
                "stdin", default: nil, candidates: .words(["none", "once", "open"]),
                "Its input: none, once (ends with the client that feeds it), open"),
            .string(
                "restart", value: "POLICY", default: "no", candidates: .words(["no", "always", "unless-stopped", "on-failure"]),
                check: checkPolicy, "What follows its end: no, always, unless-stopped, on-failure[:N]"),
            .string("stop-signal", value: "SIGNAL", default: "TERM", check: checkSignal, "What asks it to end"),
            .int("stop-timeout", default: ShimOptions.stopTimeoutSecondsDefault, "Seconds before a stop becomes a kill; -1 waits for ever"),
        ])
    + group(
        "Health",
        [
            .string("health-cmd", value: "COMMAND", "What /bin/sh runs in it to see whether it is well"),
            .int("health-interval", default: 30, "Seconds between looks"),
            .int("health-timeout", default: 30, "Seconds that a look may take"),
            .int("health-start-period", default: 0, "Seconds after its start in which failures do not count before a success"),
            .int("health-start-interval", default: 5, "Seconds between looks in that time"),
            .int("health-retries", default: HealthCheck.retriesDefault, "Failures in a row that make it unhealthy"),
            .string("health", value: "JSON", "The same for programs: command (words), intervalMilliseconds and so on, retries"),
            .bool("restart-unhealthy", "End it and start it again when it is unhealthy"),
        ])
    + group(
        "Log",
        [
            .string("log", value: "FILE", candidates: .files, "Log file in json-file format; STATE-DIR/ID-json.log where not given"),
            .string(
                "log-driver", default: "json-file", candidates: .words(["json-file", "none"]), "Where output is kept: json-file or none"),
            .int("log-max-size", default: Int(ShimOptions.logSizeMaxDefault), "Bytes at which a log file is put aside; 0 is never"),
            .int("log-max-file", default: ShimOptions.logFilesMaxDefault, "Log files kept"),
        ])
    + group(
        "Runtime",
        [
            .string(
                "runtime", value: "PATH", candidates: .files,
                "OCI runtime: a path, or a name looked up on PATH; cais-runtime where not given"),
            .string("runtime-root", value: "DIR", candidates: .directories, "The runtime's own state directory"),
        ])
    + group(
        "Supervisor",
        [
            .string("state-dir", value: "DIR", candidates: .directories, "Where socket and records are; /run/cais-shim/ID where not given"),
            .bool("detach", short: "d", "Print ID and socket, and leave it running"),
            .bool("wait-start", "Make the container and start it when `start` is asked for"),
            .int("ready-fd", "Supervise in this process, and say on this descriptor when the container is there"),
            .int(
                "attach-stall", default: ShimOptions.stallSecondsOffered,
                "Seconds a client may leave its output waiting before it is cut off"),
        ])
