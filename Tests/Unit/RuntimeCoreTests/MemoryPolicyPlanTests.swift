import Faults
import OCISpec
import Testing

@testable import RuntimeCore

@Suite struct MemoryPolicyPlanTests {
    typealias Policy = RuntimeSpec.Linux.MemoryPolicy

    @Test(
        "modes and flags are the numbers of linux/mempolicy.h",
        arguments: [
            (Policy(mode: .default), 0), (Policy(mode: .preferred, nodes: "1"), 1), (Policy(mode: .bind, nodes: "0-1"), 2),
            (Policy(mode: .interleave, nodes: "0"), 3), (Policy(mode: .local), 4), (Policy(mode: .preferredMany, nodes: "0"), 5),
            (Policy(mode: .weightedInterleave, nodes: "0"), 6), (Policy(mode: .bind, nodes: "0", flags: [.numaBalancing]), 0x2002),
            (Policy(mode: .interleave, nodes: "0", flags: [.staticNodes]), 0x8003),
            (Policy(mode: .preferred, nodes: "0", flags: [.relativeNodes]), 0x4001),
        ] as [(Policy, Int32)])
    func numbers(policy: Policy, number: Int32) throws {
        #expect(try MemoryPolicyPlan.make(policy)?.mode == number)
    }

    @Test("nodes are a mask, and there is none for the modes that take none")
    func nodes() throws {
        #expect(try MemoryPolicyPlan.make(.init(mode: .bind, nodes: "0-1,65"))?.nodes?.words == [3, 2])
        #expect(try MemoryPolicyPlan.make(.init(mode: .local))?.nodes == nil)
        #expect(try MemoryPolicyPlan.make(.init(mode: .preferred))?.nodes == nil)
        #expect(try MemoryPolicyPlan.make(nil) == nil)
    }

    @Test(
        "what no kernel takes is refused by its name",
        arguments: [
            (Policy(nodes: "0"), "mode"), (Policy(mode: .bind), "nodes"), (Policy(mode: .bind, nodes: "x"), "nodes"),
            (Policy(mode: .default, nodes: "0"), "nodes"), (Policy(mode: .local, nodes: "0"), "nodes"), (Policy(mode: .interleave, nodes: "2-1"), "nodes"),
            (Policy(mode: .bind, nodes: "0", flags: [.staticNodes, .relativeNodes]), "flags"),
        ])
    func refused(policy: Policy, property: String) {
        #expect { try MemoryPolicyPlan.make(policy) } throws: { "\($0)".contains("linux.memoryPolicy.\(property)") }
    }
}
