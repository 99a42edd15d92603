// The command line of caisd: one table, and the small things around it.
import CLinux
import Faults
import Flags
import Linux

/// What caisd can be told to do.
enum DaemonAction: Int, Sendable {
    /// Serve, until a signal.
    case serve
    /// List the moments at which a test may end it.
    case crashPoints
    /// Read the configuration and say whether it is good.
    case validate
}

/// The program's table.
let caisd = Program(
    version: "caisd version \(engineVersion)", section: 8,
    root: Verb(
        "caisd", "The engine: serves the Docker Engine API for containers, images and networks", usage: "[OPTIONS]",
        details: "Containers belong to their supervisors and run on when the daemon ends, however it ends; the next start finds their true state. "
            + "SIGTERM and SIGINT end it, SIGHUP reads the log level anew from the configuration file.",
        arity: .none, endsAtArgument: true, action: DaemonAction.serve,
        flags: [
            .string("config-file", value: "path", default: DaemonConfiguration.fileDefault, group: "Daemon", "Configuration in JSON, with the same names")
        ] + Settings.all.map(\.flag),
        verbs: [
            Verb("crash-points", "List the moments at which a test may end the daemon", hidden: true, action: DaemonAction.crashPoints),
            Verb("validate", "Check the configuration and end", usage: "", action: DaemonAction.validate),
        ]))

/// Says why the program ends, on one line.
func complain(_ text: String) {
    var bytes = Array((text.hasSuffix("\n") ? text : text + "\n").utf8)
    _ = write(2, &bytes, bytes.count)
}

/// Ends the program with the fault's words.
func fail(_ fault: Fault) -> Never {
    complain("caisd: \(fault)")
    exit(1)
}

/// Writes manual pages and returns the exit code.
func writeManual(_ pages: [ManualPage], _ directory: String) -> Int32 {
    for page in pages {
        do throws(Errno) {
            try Files.replace("\(directory)/\(page.fileName)", with: Array(page.text.utf8), mode: 0o644, durable: false)
        } catch {
            complain("caisd: write \(directory)/\(page.fileName): \(error)")
            return 1
        }
    }
    return 0
}

/// Reads the configuration and says so.
func validate(_ arguments: Arguments) {
    do throws(Fault) { _ = try DaemonConfiguration.read(arguments) } catch { fail(error) }
    print("configuration OK")
}
