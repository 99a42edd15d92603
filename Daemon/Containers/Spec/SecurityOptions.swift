// SecurityOptions owns what `--security-opt` says.
import Faults

/// The security options of a container, read.
struct SecurityOptions: Sendable {
    /// Which system call filter it gets.
    enum Filter: Sendable {
        case engineDefault
        case none
        case own(SeccompProfile)
    }

    /// Its filter; privileged containers get none, whatever the default.
    var filter = Filter.engineDefault
    /// Whether programs it executes may gain no privileges.
    var noNewPrivileges = false
    /// Whether /sys/fs/cgroup can be written.
    var writableCgroups = false

    /// Reads `name=value`, or `name:value` as old clients write it.
    /// - Throws: `invalidArgument`, or `unsupported` for what this engine cannot do.
    init(_ options: [String]) throws(Fault) {
        for option in options {
            if option == "no-new-privileges" {
                noNewPrivileges = true
                continue
            }
            guard let separator = option.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
                throw Fault(.invalidArgument, "invalid --security-opt 1: \"\(option)\"")
            }
            let name = option[..<separator]
            let value = String(option[option.index(after: separator)...])
            switch name {
            case "no-new-privileges": noNewPrivileges = try SecurityOptions.bool(value, option)
            case "writable-cgroups": writableCgroups = try SecurityOptions.bool(value, option)
            case "seccomp": filter = try SecurityOptions.filter(value)
            case "apparmor":
                guard value == "unconfined" || value.isEmpty else {
                    throw Fault(.unsupported, "security option apparmor=\(value): this engine does not load AppArmor profiles")
                }
            case "label":
                guard value == "disable" else {
                    throw Fault(.unsupported, "security option label=\(value): this engine does not set SELinux labels")
                }
            case "systempaths":
                throw Fault(.invalidArgument, "invalid --security-opt: systempaths is the client's; send empty MaskedPaths and ReadonlyPaths")
            default: throw Fault(.invalidArgument, "invalid --security-opt 2: \"\(option)\"")
            }
        }
    }

    private static func bool(_ text: String, _ option: String) throws(Fault) -> Bool {
        switch text.lowercased() {
        case "true", "1", "t": return true
        case "false", "0", "f": return false
        default: throw Fault(.invalidArgument, "invalid --security-opt 2: \"\(option)\"")
        }
    }

    private static func filter(_ value: String) throws(Fault) -> Filter {
        switch value {
        case "unconfined": .none
        case "builtin", "": .engineDefault
        default: .own(try SeccompProfile(json: value))
        }
    }
}
