// Validation owns what a configuration may not say. It looks at values only; whether a path
// exists is found out when it is used.
import Faults
import Linux
import OCISpec

enum Validation {
    /// The most groups, variables and arguments that a configuration may ask for: a bound, far
    /// above any use, so that a hostile one cannot spin.
    static let groupsMax = 65_536
    static let wordsMax = 1 << 20

    static func check(_ spec: RuntimeSpec) throws(Fault) {
        try checkVersion(spec.ociVersion)
        if let process = spec.process { try check(process) }
        if let hooks = spec.hooks { try check(hooks) }
        for key in (spec.annotations ?? [:]).keys where key.isEmpty {
            throw Fault(.invalidArgument, "an annotation has an empty key")
        }
        if let personality = spec.linux?.personality {
            guard personality.domain != nil else { throw Fault(.invalidArgument, "linux.personality.domain is missing") }
            guard (personality.flags ?? []).isEmpty else {
                throw Fault(.unsupported, "linux.personality.flags: the specification defines none")
            }
        }
        try SecurityLabels.check(mountLabel: spec.linux?.mountLabel)
    }

    /// SemVer with major version 1; what a newer minor added is ignored, as the specification asks.
    static func checkVersion(_ text: String) throws(Fault) {
        guard let version = SpecVersion(text) else { throw Fault(.invalidArgument, "ociVersion \"\(text)\" is not a semantic version") }
        guard version.major == 1 else { throw Fault(.invalidArgument, "ociVersion \"\(text)\" is not supported: 1.x is") }
    }

    static func check(_ process: RuntimeSpec.Process) throws(Fault) {
        guard process.cwd.hasPrefix("/") else { throw Fault(.invalidArgument, "process.cwd \"\(process.cwd)\" is not an absolute path") }
        guard let args = process.args, !args.isEmpty else { throw Fault(.invalidArgument, "process.args must not be empty") }
        guard args.count + (process.env?.count ?? 0) <= wordsMax else {
            throw Fault(.tooLarge, "process has more than \(wordsMax) arguments and variables")
        }
        for word in args + (process.env ?? []) where word.utf8.contains(0) {
            throw Fault(.invalidArgument, "process has an argument or variable with a NUL byte")
        }
        try checkUser(process.user)
        try checkRlimits(process.rlimits ?? [])
        try checkProcessors(process.execCPUAffinity?.initial, "initial")
        try checkProcessors(process.execCPUAffinity?.final, "final")
        if let priority = process.ioPriority?.priority, !(0...7).contains(priority) {
            throw Fault(.invalidArgument, "process.ioPriority.priority \(priority) is not between 0 and 7")
        }
        if process.scheduler?.policy == .iso {
            throw Fault(.unsupported, "process.scheduler.policy SCHED_ISO is not implemented by Linux")
        }
        if let score = process.oomScoreAdj, !(-1_000...1_000).contains(score) {
            throw Fault(.invalidArgument, "process.oomScoreAdj \(score) is not between -1000 and 1000")
        }
        if process.terminal ?? false, let size = process.consoleSize, size.height > 65_535 || size.width > 65_535 {
            throw Fault(.invalidArgument, "process.consoleSize is larger than a terminal can be")
        }
        try SecurityLabels.check(process)
    }

    private static func checkProcessors(_ list: String?, _ name: String) throws(Fault) {
        guard let list, !list.isEmpty, ProcessorSet(list) == nil else { return }
        throw Fault(.invalidArgument, "process.execCPUAffinity.\(name) \"\(list)\" is not a list of processors")
    }

    /// Numbers from 2^31 on are read as negative by too many programs (CVE-2024-40635).
    private static func checkUser(_ user: RuntimeSpec.User?) throws(Fault) {
        guard let user else { return }
        let groups = user.additionalGids ?? []
        for id in [user.uid ?? 0, user.gid ?? 0] + groups where id >= 1 << 31 {
            throw Fault(.invalidArgument, "process.user: id \(id) is not below 2147483648")
        }
        guard groups.count <= groupsMax else { throw Fault(.tooLarge, "process.user has more than \(groupsMax) groups") }
    }

    private static func checkRlimits(_ limits: [RuntimeSpec.Rlimit]) throws(Fault) {
        var seen: [String] = []
        for limit in limits {
            guard Rlimit.resource(named: limit.type) != nil else { throw Fault(.invalidArgument, "invalid rlimit type \"\(limit.type)\"") }
            guard !seen.contains(limit.type) else { throw Fault(.invalidArgument, "rlimit \(limit.type) is listed twice") }
            guard limit.soft <= limit.hard else {
                throw Fault(.invalidArgument, "rlimit \(limit.type): soft limit \(limit.soft) is above hard limit \(limit.hard)")
            }
            seen.append(limit.type)
        }
    }

    private static func check(_ hooks: RuntimeSpec.Hooks) throws(Fault) {
        let lists = [hooks.prestart, hooks.createRuntime, hooks.createContainer, hooks.startContainer, hooks.poststart, hooks.poststop]
        for hook in lists.compactMap({ $0 }).joined() {
            guard hook.path.hasPrefix("/") else { throw Fault(.invalidArgument, "hook path \"\(hook.path)\" is not absolute") }
            if let timeout = hook.timeout, !(1...Int(Int32.max)).contains(timeout) {
                throw Fault(.invalidArgument, "hook \(hook.path): timeout \(timeout) is not above 0 and below 2147483648")
            }
        }
    }

    /// The names a container may have: what is safe as one component of a path.
    static func checkID(_ id: String) throws(Fault) {
        let allowed = id.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "_+-.".utf8.contains(byte)
        }
        guard allowed, !id.isEmpty, id != ".", id != "..", id != StateStore.filterCacheName, id.utf8.count <= 1_024 else {
            throw Fault(.invalidArgument, "invalid container ID format: \"\(id)\"")
        }
    }
}
