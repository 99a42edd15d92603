// exec: another program in a running container.
import Faults
import Flags
import CLinux
import Linux
import OCISpec
import RuntimeCore

func exec(_ arguments: Arguments, _ settings: Settings) throws(Fault) -> Int32 {
    try OwnBinary.protect()
    let container = try Container(arguments.positional[0], store: settings.store, journal: settings.journal)
    let process = try process(arguments, container)
    var options = try CreateOptions(arguments, settings)
    options.userName = userName(arguments)
    options.toleratesPaused = arguments.bool("ignore-paused")
    options.cgroups = arguments.strings("cgroup")
    if arguments.bool("detach") {
        _ = try container.exec(ExecRequest(process: process, options: options))
        return 0
    }
    let holdsTerminal = (process.terminal ?? false) && options.consoleSocketPath == nil
    let foreground = try Foreground(hasTerminal: holdsTerminal, console: &options.consoleDescriptor)
    let added = try container.exec(ExecRequest(process: process, options: options))
    return try foreground.wait(for: added.pid, added.process).shellCode
}

/// From the file of --process, or the container's own process with what the flags change.
private func process(_ arguments: Arguments, _ container: Container) throws(Fault) -> RuntimeSpec.Process {
    if let file = arguments.optional("process") {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Files.read(file) } catch { throw Fault(.invalidArgument, "read process file \(file): \(error)") }
        return try within(file) { () throws(Fault) in try JSON.decode(RuntimeSpec.Process.self, from: bytes) }
    }
    let words = Array(arguments.positional.dropFirst())
    guard !words.isEmpty else { throw Fault(.invalidArgument, "process args cannot be empty") }
    var process = try container.configuredProcess()
    process.args = words
    process.terminal = arguments.bool("tty")
    if let cwd = arguments.optional("cwd") { process.cwd = cwd }
    process.env = (process.env ?? []) + arguments.strings("env")
    if arguments.isSet("no-new-privs") { process.noNewPrivileges = arguments.bool("no-new-privs") }
    if let label = arguments.optional("process-label") { process.selinuxLabel = label }
    if let profile = arguments.optional("apparmor") { process.apparmorProfile = profile }
    try addCapabilities(arguments.strings("cap"), to: &process)
    try setUser(arguments, of: &process)
    return process
}

/// What --user says, where names are among it: only the container knows them.
private func userName(_ arguments: Arguments) -> String? {
    guard arguments.optional("process") == nil, let text = arguments.optional("user") else { return nil }
    let areNumbers = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).allSatisfy { UInt32($0) != nil }
    return areNumbers ? nil : text
}

private func addCapabilities(_ names: [String], to process: inout RuntimeSpec.Process) throws(Fault) {
    if names.isEmpty { return }
    for name in names where CapabilitySet(name: name) == nil { throw Fault(.invalidArgument, "unknown capability \(name)") }
    var capabilities = process.capabilities ?? RuntimeSpec.Capabilities()
    capabilities.bounding = (capabilities.bounding ?? []) + names
    capabilities.effective = (capabilities.effective ?? []) + names
    capabilities.permitted = (capabilities.permitted ?? []) + names
    process.capabilities = capabilities
}

private func setUser(_ arguments: Arguments, of process: inout RuntimeSpec.Process) throws(Fault) {
    func number(_ text: some StringProtocol) throws(Fault) -> UInt32 {
        guard let value = UInt32(text) else { throw Fault(.invalidArgument, "invalid user or group \"\(text)\": a number is needed") }
        return value
    }
    var user = process.user ?? RuntimeSpec.User()
    if let text = arguments.optional("user"), userName(arguments) == nil {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        user.uid = try number(parts[0])
        if parts.count > 1 { user.gid = try number(parts[1]) }
    }
    for text in arguments.strings("additional-gids") { user.additionalGids = (user.additionalGids ?? []) + [try number(text)] }
    process.user = user
}
