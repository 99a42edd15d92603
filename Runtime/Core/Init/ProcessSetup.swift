// ProcessSetup owns what turns a process that is in its place (namespaces, root) into the
// program of the configuration: limits, identity, capabilities, filter, working directory.
// Used by the container's init and by processes that exec adds; privileges only go down.
import CLinux
import Faults
import Linux
import OCISpec
import Seccomp

struct ProcessSetup {
    let process: RuntimeSpec.Process
    let filter: SeccompFilter?
    /// Descriptors after the standard streams that the program gets.
    let passed: PassedDescriptors
    /// Descriptors that are needed until then, all close-on-exec.
    let keptDescriptors: [CInt]
    /// The name of the session keyring; nil to keep the caller's.
    let keyring: String?
    let personality: RuntimeSpec.Linux.Personality?
    let memoryPolicy: MemoryPolicyPlan?
    let warn: (String) -> Void

    /// What is left to do when the program may start.
    struct Program {
        let path: String
        let arguments: [String]
        let environment: [String]
    }

    private var hasNoNewPrivileges: Bool { process.noNewPrivileges ?? false }

    /// Everything up to execve(2), in the order that lets each step still have the privilege it needs.
    /// The filter comes last: it is for the program, and may forbid what is done here (getcwd(2), say).
    func prepare() throws(Fault) -> Program {
        try joinKeyring()
        try setPersonality()
        if let memoryPolicy { try attempt("set memoryPolicy") { () throws(Errno) in try MemoryPolicy.set(mode: memoryPolicy.mode, nodes: memoryPolicy.nodes) } }
        try setLimits()
        try setScheduling()
        let isInPlace = chdir(process.cwd) == 0
        if hasNoNewPrivileges { try attempt("set no_new_privs") { () throws(Errno) in try Identity.setNoNewPrivileges() } }
        let capabilities = try becomeUser()
        if !isInPlace { try enterWorkingDirectory() }
        try checkWorkingDirectory()
        umask(mode_t((process.user?.umask ?? 0o022) & 0o777))
        let environment = completeEnvironment()
        let arguments = process.args ?? []
        let path = try Execution.find(arguments.first ?? "", environment: environment)
        closeOthers()
        try loadFilterEarly(capabilities)
        return Program(path: path, arguments: arguments, environment: environment)
    }

    /// Becomes the program.
    /// - Throws: why it could not; whoever waits must be told.
    func become(_ program: Program) throws(Fault) -> Never {
        // With no_new_privs the filter needs no privilege and is loaded as late as can be.
        if hasNoNewPrivileges { try loadFilter() }
        let error = Execution.become(program.path, arguments: program.arguments, environment: program.environment)
        let kind: FaultKind = error == .noEntry ? .commandNotFound : .commandNotExecutable
        throw Fault(kind, "exec \(program.path): \(error.sentence)", errno: error.rawValue)
    }

    private func joinKeyring() throws(Fault) {
        guard let keyring else { return }
        do throws(Errno) { try Identity.joinSessionKeyring("_ses.\(keyring)") } catch {
            // A kernel without keyrings, or a filter around us that forbids them: the program has the caller's then.
            if error != .noSystemCall && error != .notPermitted { warn("join session keyring: \(error.sentence)") }
        }
    }

    private func setPersonality() throws(Fault) {
        switch personality?.domain {
        case nil: return
        case .linux: try attempt("set personality") { () throws(Errno) in try Identity.setPersonality(0) }
        case .linux32: try attempt("set personality") { () throws(Errno) in try Identity.setPersonality(8) }
        }
    }

    private func setLimits() throws(Fault) {
        for limit in process.rlimits ?? [] {
            guard let resource = Rlimit.resource(named: limit.type) else { continue }
            do throws(Errno) { try Rlimit.set(resource, soft: limit.soft, hard: limit.hard) } catch {
                guard error == .notPermitted else { throw Fault(error, "set \(limit.type)") }
                // Without CAP_SYS_RESOURCE the hard limit cannot rise: as near as may be, and said.
                try attempt("set \(limit.type)") { () throws(Errno) in
                    let now = try Rlimit.get(resource)
                    try Rlimit.set(resource, soft: min(limit.soft, now.hard), hard: min(limit.hard, now.hard))
                    warn("\(limit.type) stays at \(now.hard): raising it to \(limit.hard) is not permitted here")
                }
            }
        }
    }

    private func setScheduling() throws(Fault) {
        if let priority = process.ioPriority {
            let number: CInt
            switch priority.class {
            case .realtime: number = 1
            case .bestEffort: number = 2
            case .idle: number = 3
            }
            try attempt("set ioPriority") { () throws(Errno) in try Identity.setIOPriority(class: number, priority: priority.priority ?? 0) }
        }
        if let scheduler = process.scheduler { try Scheduling.apply(scheduler) }
    }

    /// Groups, ids and capabilities. setgroups(2) is always called: the caller's groups are not the container's.
    /// - Returns: the capabilities of the program, where those here have one more yet, which loading the filter needs.
    private func becomeUser() throws(Fault) -> ProcessCapabilities? {
        let held: CapabilitySet
        do throws(Errno) { held = try ProcessCapabilities.current().permitted } catch { throw Fault(error, "capget") }
        let plan = CapabilityPlan.make(process.capabilities, held: held)
        for warning in plan.warnings { warn(warning) }
        try attempt("limit bounding capabilities") { () throws(Errno) in try Capabilities.limitBounding(to: plan.bounding) }
        let user = process.user
        try setGroups(user?.additionalGids ?? [])
        try attempt("keep capabilities") { () throws(Errno) in try Capabilities.keepOverUserChange(true) }
        try become("setgid", user?.gid ?? 0, Identity.setGroup)
        try become("setuid", user?.uid ?? 0, Identity.setUser)
        let wanted = ProcessCapabilities(effective: plan.effective, permitted: plan.permitted, inheritable: plan.inheritable)
        var lent = wanted
        if filter != nil && !hasNoNewPrivileges {
            let admin = held.intersection(.systemAdministration)
            lent.effective.formUnion(admin)
            lent.permitted.formUnion(admin)
        }
        try attempt("set capabilities") { () throws(Errno) in
            try Capabilities.keepOverUserChange(false)
            try lent.apply()
            try Capabilities.clearAmbient()
        }
        for number in 0..<64 where plan.ambient.rawValue & (1 << UInt64(number)) != 0 {
            do throws(Errno) { try Capabilities.raiseAmbient(number) } catch {
                warn("ambient capability \(CapabilitySet.names[number]): \(error.sentence)")
            }
        }
        return lent == wanted ? nil : wanted
    }

    /// Without no_new_privs loading the filter needs CAP_SYS_ADMIN, so it comes before that goes.
    private func loadFilterEarly(_ capabilities: ProcessCapabilities?) throws(Fault) {
        if hasNoNewPrivileges { return }
        try loadFilter()
        if let capabilities { try attempt("set capabilities") { () throws(Errno) in try capabilities.apply() } }
    }

    private func become(_ step: String, _ id: UInt32, _ body: (UInt32) throws(Errno) -> Void) throws(Fault) {
        do throws(Errno) { try body(id) } catch {
            guard error == .invalid else { throw Fault(error, "\(step) \(id)") }
            throw Fault(.invalidArgument, "\(id) is not mapped in the container's user namespace", errno: error.rawValue, trail: ["\(step) \(id)"])
        }
    }

    private func setGroups(_ groups: [UInt32]) throws(Fault) {
        do throws(Errno) { try Identity.setGroups(groups) } catch {
            // In a user namespace made without privileges the kernel forbids it, and there are none to drop.
            if error == .notPermitted && groups.isEmpty { return }
            let words = groups.map(String.init).joined(separator: " ")
            if error == .notPermitted {
                throw Fault(
                    .forbidden, "the kernel forbids additionalGids (\(words)) in a user namespace whose groups were mapped without privileges",
                    errno: error.rawValue, trail: ["setgroups"])
            }
            if error == .invalid {
                throw Fault(.invalidArgument, "of additionalGids (\(words)) one is not mapped in the container's user namespace", errno: error.rawValue, trail: ["setgroups"])
            }
            throw Fault(error, "setgroups")
        }
    }

    private func loadFilter() throws(Fault) {
        guard let filter else { return }
        try attempt("load seccomp filter") { () throws(Errno) in _ = try filter.install() }
    }

    private func enterWorkingDirectory() throws(Fault) {
        if chdir(process.cwd) == 0 { return }
        let error = Errno.current
        throw Fault(error.kind, "chdir to cwd (\(Journal.quoted(process.cwd))) set in config.json failed: \(error.sentence)", errno: error.rawValue)
    }

    /// A working directory outside the root has no path that getcwd(2) could give (CVE-2024-21626).
    private func checkWorkingDirectory() throws(Fault) {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard getcwd(&buffer, buffer.count) != nil, buffer[0] == CChar(UInt8(ascii: "/")) else {
            throw Fault(.failed, "current working directory is outside of the container's root")
        }
    }

    private func completeEnvironment() -> [String] {
        var environment = passed.tell(process.env ?? [])
        if !environment.contains(where: { $0.hasPrefix("HOME=") && $0 != "HOME=" }) {
            environment.removeAll { $0 == "HOME=" }
            environment.append("HOME=\(PasswordFile.home(of: process.user?.uid ?? 0) ?? "/")")
        }
        return environment
    }

    /// Nothing of the host stays open in the program (CVE-2024-21626, CVE-2016-9962), nor in init
    /// while it waits: its caller's pipes and locks are let go of now.
    private func closeOthers() {
        var first = UInt32(3 + passed.count)
        for kept in keptDescriptors.sorted() where UInt32(kept) >= first {
            if UInt32(kept) > first { _ = cais_close_range(first, UInt32(kept) - 1, 0) }
            first = UInt32(kept) + 1
        }
        _ = cais_close_range(first, UInt32.max, 0)
        for number in 3..<(3 + passed.count) { _ = cais_fcntl(CInt(number), F_SETFD, 0) }
    }
}

/// Home directories from the container's own /etc/passwd, a file of the image and so hostile.
enum PasswordFile {
    static let bytesMax = 1 << 20

    static func home(of uid: UInt32) -> String? {
        // None, too large, or no regular file; what says it has no bytes and gives some is of the kernel's file systems, and may
        // be the caller's environment.
        guard let file = try? Files.open("/etc/passwd", flags: O_RDONLY | O_NONBLOCK | O_NOCTTY), let status = try? file.status(),
            status.kind == .regular, status.st_size > 0, let bytes = try? file.readAll(limit: bytesMax)
        else { return nil }
        return home(of: uid, in: bytes)
    }

    /// The user's name; nil for one without.
    static func name(of uid: UInt32) -> String? {
        guard let bytes = try? Files.read("/etc/passwd", limit: bytesMax) else { return nil }  // as above
        return fields(of: uid, in: bytes).flatMap { $0.first.map { String(decoding: $0, as: UTF8.self) } }
    }

    static func home(of uid: UInt32, in bytes: [UInt8]) -> String? {
        fields(of: uid, in: bytes) { $0.count >= 6 && $0[5].first == UInt8(ascii: "/") }.map { String(decoding: $0[5], as: UTF8.self) }
    }

    /// The first line of a user that is `usable`.
    private static func fields(
        of uid: UInt32, in bytes: [UInt8], usable: ([ArraySlice<UInt8>]) -> Bool = { _ in true }
    ) -> [ArraySlice<UInt8>]? {
        let wanted = Array(String(uid).utf8)
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 6, omittingEmptySubsequences: false)
            if fields.count >= 3 && fields[2].elementsEqual(wanted) && usable(fields) { return fields }
        }
        return nil
    }
}
