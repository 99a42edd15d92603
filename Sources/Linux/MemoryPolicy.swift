import CLinux

/// Which NUMA nodes the calling thread, and what it starts, takes its memory from.
package enum MemoryPolicy {
    /// Sets the policy (set_mempolicy(2)).
    /// - Parameters:
    ///   - mode: an MPOL_ mode with MPOL_F_ flags.
    ///   - nodes: nil for the modes that take none.
    /// - Throws: `EINVAL` where the kernel does not know the mode, or has none of the nodes.
    package static func set(mode: CInt, nodes: ProcessorSet?) throws(Errno) {
        let words = nodes?.words ?? []
        try call {
            // The kernel takes one off the number of bits, and wants no address where there are none.
            words.withUnsafeBytes { cais_set_mempolicy(mode, words.isEmpty ? nil : $0.baseAddress, words.isEmpty ? 0 : UInt($0.count * 8 + 1)) }
        }
    }
}
