import CLinux
import CSeccomp
import Faults
import Linux
import OCISpec

/// Makes filter programs through libseccomp, the only place that knows it.
enum SeccompCompiler {
    private typealias Seccomp = RuntimeSpec.Linux.Seccomp

    /// How a program looks a system call up.
    enum Search: UInt32 {
        /// One after the other.
        case linear = 1
        /// By a binary tree of the numbers. The kernel tries a new filter with every number there is
        /// (since 5.11), so that this takes a third of the time to install: 0.23 ms instead of 0.70 for
        /// an engine's default profile.
        case tree = 2
    }

    /// The program of a checked profile.
    static func compile(_ profile: RuntimeSpec.Linux.Seccomp, search: Search = .tree) throws(Fault) -> [UInt8] {
        let defaultAction = action(profile.defaultAction, profile.defaultErrnoRet)
        guard let context = seccomp_init(defaultAction) else {
            throw Fault(.unsupported, "libseccomp refuses the default action \(profile.defaultAction.rawValue)")
        }
        defer { seccomp_release(context) }
        // Libraries before 2.5 cannot, and do without.
        _ = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, search.rawValue)
        for architecture in profile.architectures ?? [] { try add(architecture, to: context) }
        for rule in profile.syscalls ?? [] {
            let action = action(rule.action, rule.errnoRet)
            // libseccomp refuses rules that change nothing.
            if action == defaultAction { continue }
            for name in rule.names { try add(name, action, rule.args ?? [], to: context) }
        }
        let program = try export(context)
        guard profile.defaultAction == .errno else { return program }
        let whole = newerCalls(of: profile).program + program
        guard whole.count <= SeccompFilter.instructionsMax * 8 else { return program }
        return whole
    }

    /// The highest call that the profile names, for each of its architectures.
    private static func newerCalls(of profile: RuntimeSpec.Linux.Seccomp) -> NewerCalls {
        let tokens = [seccomp_arch_native()] + (profile.architectures ?? []).map(token)
        let x32 = seccomp_arch_resolve_name("x32")
        var found: [NewerCalls.Architecture] = []
        for token in tokens where token != x32 && !found.contains(where: { $0.token == token }) {
            found.append(.init(token: token, highest: highest(profile, token), highestX32: nil))
        }
        if tokens.contains(x32), let at = found.firstIndex(where: { $0.token == NewerCalls.x86_64 }) {
            found[at].highestX32 = highest(profile, x32)
        }
        return NewerCalls(architectures: found)
    }

    private static func highest(_ profile: RuntimeSpec.Linux.Seccomp, _ token: UInt32) -> UInt32 {
        let names = (profile.syscalls ?? []).lazy.flatMap(\.names)
        // Negative numbers stand for calls that this architecture does not have.
        return names.map { seccomp_syscall_resolve_name_arch(token, $0) }.filter { $0 >= 0 }.max().map(UInt32.init) ?? 0
    }

    private static func token(_ architecture: RuntimeSpec.Linux.SeccompArchitecture) -> UInt32 {
        seccomp_arch_resolve_name(architecture.rawValue.dropFirst("SCMP_ARCH_".count).lowercased())
    }

    static func add(_ architecture: RuntimeSpec.Linux.SeccompArchitecture, to context: scmp_filter_ctx) throws(Fault) {
        let token = token(architecture)
        guard token != 0 else { throw Fault(.unsupported, "libseccomp does not know \(architecture.rawValue)") }
        let result = seccomp_arch_add(context, token)
        guard result != -EDOM else { throw Fault(.unsupported, "\(architecture.rawValue) has another byte order than this machine", errno: EDOM) }
        guard result == 0 || result == -EEXIST else {
            throw Fault(.unsupported, "\(Errno(rawValue: -result))", errno: -result, trail: ["add \(architecture.rawValue)"])
        }
    }

    private static func add(
        _ name: String, _ action: UInt32, _ arguments: [RuntimeSpec.Linux.SeccompArgument], to context: scmp_filter_ctx
    ) throws(Fault) {
        let number = seccomp_syscall_resolve_name(name)
        // Profiles name system calls of newer kernels and of other architectures; as for every peer,
        // one that is unknown here falls under the default action.
        guard number != __NR_SCMP_ERROR else { return }
        for comparisons in rules(arguments) {
            let result = seccomp_rule_add_array(context, action, number, UInt32(comparisons.count), comparisons)
            guard result == 0 || result == -EEXIST else {
                let kind: FaultKind = result == -EOPNOTSUPP ? .unsupported : .invalidArgument
                throw Fault(kind, "\(Errno(rawValue: -result))", errno: -result, trail: ["add a rule for \(name)"])
            }
        }
    }

    /// The comparisons of a rule. libseccomp takes one comparison for each argument; a profile that
    /// has two for one means either of them, as in the peers.
    private static func rules(_ arguments: [RuntimeSpec.Linux.SeccompArgument]) -> [[scmp_arg_cmp]] {
        let comparisons = arguments.map {
            scmp_arg_cmp(arg: $0.index, op: comparison($0.op), datum_a: $0.value, datum_b: $0.valueTwo ?? 0)
        }
        let isSimple = Set(arguments.map(\.index)).count == arguments.count
        return isSimple ? [comparisons] : comparisons.map { [$0] }
    }

    private static func action(_ action: RuntimeSpec.Linux.SeccompAction, _ errno: UInt32?) -> UInt32 {
        switch action {
        case .kill, .killThread: SCMP_ACT_KILL_THREAD
        case .killProcess: SCMP_ACT_KILL_PROCESS
        case .trap: SCMP_ACT_TRAP
        case .errno: cais_scmp_act_errno(errno ?? UInt32(EPERM))
        case .trace: cais_scmp_act_trace(errno ?? UInt32(EPERM))
        case .allow: SCMP_ACT_ALLOW
        case .log: SCMP_ACT_LOG
        case .notify: SCMP_ACT_NOTIFY
        }
    }

    private static func comparison(_ operation: RuntimeSpec.Linux.SeccompOperator) -> scmp_compare {
        switch operation {
        case .notEqual: SCMP_CMP_NE
        case .lessThan: SCMP_CMP_LT
        case .lessOrEqual: SCMP_CMP_LE
        case .equal: SCMP_CMP_EQ
        case .greaterOrEqual: SCMP_CMP_GE
        case .greaterThan: SCMP_CMP_GT
        case .maskedEqual: SCMP_CMP_MASKED_EQ
        }
    }

    /// The program's bytes, by way of a file in memory: libseccomp before 2.6 writes only to files.
    private static func export(_ context: scmp_filter_ctx) throws(Fault) -> [UInt8] {
        do throws(Errno) {
            let file = FileDescriptor(owning: try call { memfd_create("seccomp", UInt32(MFD_CLOEXEC)) })
            let result = seccomp_export_bpf(context, file.rawValue)
            guard result == 0 else { throw Errno(rawValue: -result) }
            try call { lseek(file.rawValue, 0, SEEK_SET) }
            let program = try file.readAll(limit: 1 << 20)
            guard program.count % 8 == 0, (8...SeccompFilter.instructionsMax * 8).contains(program.count) else { throw Errno.tooBig }
            return program
        } catch {
            let reason = error == .tooBig ? "the filter has more than \(SeccompFilter.instructionsMax) instructions" : "\(error)"
            throw Fault(error == .tooBig ? .tooLarge : .failed, reason, errno: error.rawValue, trail: ["compile"])
        }
    }
}
