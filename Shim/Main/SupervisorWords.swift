import Faults
import Lifecycle
import ShimCore

// SupervisorWords reads the command line of a supervisor as programs write it (the engine, and
// `run` for the process it puts beside itself): `run`, then `--name value` and bare `--name` of
// the same flags as in CommandTable, none twice, one of them --ready-fd. Building the table and
// everything help and completion need costs a process that stays for days 100 kB; whatever is
// written in another way takes that road.

/// The short road to a supervisor.
enum SupervisorWords {
    private static let bare: Set<String> = ["tty", "wait-start", "restart-unhealthy"]
    private static let valued: Set<String> = [
        "id", "bundle", "state-dir", "runtime", "runtime-root", "log", "log-driver", "log-max-size", "log-max-file", "stdin", "restart",
        "stop-signal", "stop-timeout", "attach-stall", "ready-fd", "health",
    ]

    /// The flags' values, bare ones as "true"; nil where the words are not written like that.
    static func parse(_ words: [String]) -> [String: String]? {
        guard words.first == "run" else { return nil }
        var values: [String: String] = [:]
        var index = 1
        while index < words.count {
            guard words[index].hasPrefix("--") else { return nil }
            let name = String(words[index].dropFirst(2))
            guard values[name] == nil else { return nil }
            if bare.contains(name) {
                values[name] = "true"
                index += 1
            } else {
                guard valued.contains(name), index + 1 < words.count else { return nil }
                values[name] = words[index + 1]
                index += 2
            }
        }
        return values["ready-fd"] == nil ? nil : values
    }
}

/// Where the flags of `run` come from.
protocol RunFlags {
    func text(_ name: String) -> String?
    func isOn(_ name: String) -> Bool
}

extension [String: String]: RunFlags {
    func text(_ name: String) -> String? { self[name] }
    func isOn(_ name: String) -> Bool { self[name] == "true" }
}
