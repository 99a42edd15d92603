// MemoryPolicyPlan owns what `linux.memoryPolicy` means to set_mempolicy(2), as a value.
import Faults
import Linux
import OCISpec

struct MemoryPolicyPlan: Hashable, Sendable {
    /// MPOL_ with MPOL_F_ (linux/mempolicy.h).
    let mode: CInt
    let nodes: ProcessorSet?

    /// - Throws: `.invalidArgument` for what no kernel takes, with the name of the property.
    static func make(_ policy: RuntimeSpec.Linux.MemoryPolicy?) throws(Fault) -> MemoryPolicyPlan? {
        guard let policy else { return nil }
        guard let mode = policy.mode else { throw invalid("mode is missing") }
        let flags = policy.flags ?? []
        if flags.contains(.staticNodes) && flags.contains(.relativeNodes) {
            throw invalid("flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other")
        }
        return MemoryPolicyPlan(
            mode: flags.reduce(number(of: mode)) { $0 | bit(of: $1) }, nodes: try nodes(policy.nodes ?? "", for: mode))
    }

    private static func nodes(_ list: String, for mode: RuntimeSpec.Linux.MemoryPolicyMode) throws(Fault) -> ProcessorSet? {
        switch mode {
        case .default, .local:
            guard list.isEmpty else { throw invalid("nodes \"\(list)\": \(mode.rawValue) takes none") }
            return nil
        case .preferred where list.isEmpty: return nil  // The node of the processor, as the kernel has it.
        case .bind, .interleave, .weightedInterleave, .preferred, .preferredMany:
            guard let nodes = ProcessorSet(list) else { throw invalid("nodes \"\(list)\" is not a list of memory nodes") }
            return nodes
        }
    }

    private static func invalid(_ reason: String) -> Fault { Fault(.invalidArgument, "linux.memoryPolicy.\(reason)") }

    private static func number(of mode: RuntimeSpec.Linux.MemoryPolicyMode) -> CInt {
        switch mode {
        case .default: 0
        case .preferred: 1
        case .bind: 2
        case .interleave: 3
        case .local: 4
        case .preferredMany: 5
        case .weightedInterleave: 6
        }
    }

    private static func bit(of flag: RuntimeSpec.Linux.MemoryPolicyFlag) -> CInt {
        switch flag {
        case .numaBalancing: 1 << 13
        case .relativeNodes: 1 << 14
        case .staticNodes: 1 << 15
        }
    }
}
