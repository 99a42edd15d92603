import Faults
import Testing

@testable import Cgroups

/// exec's --cgroup.
@Suite struct SelectionTests {
    @Test("a path without a controller is the same in every hierarchy")
    func common() throws {
        for text in ["a/b", "/a/b", "./a//b/"] {
            let selection = try CgroupSelection(parsing: [text])
            #expect(try selection.components(of: ["memory"]) == ["a", "b"] && selection.components(of: []) == ["a", "b"])
        }
        #expect(try CgroupSelection(parsing: ["/"]).isOwn)
    }

    @Test("a path with controllers is theirs alone, and the others stay")
    func byController() throws {
        let selection = try CgroupSelection(parsing: ["cpu,cpuacct:a", "memory:/b"])
        #expect(try selection.components(of: ["cpu", "cpuacct"]) == ["a"] && selection.components(of: ["memory"]) == ["b"])
        #expect(try selection.components(of: ["pids"]) == [] && selection.components(of: []) == [])
    }

    @Test(
        "what leads out, contradicts itself or is malformed is refused",
        arguments: [
            [".."], ["/.."], ["a/../.."], ["a/.."], ["memory:../x"], ["a:b:c"], [":a"], ["a,:b"], ["memory:a", "b"], ["memory:a", "memory:a"], ["a\nb"],
        ])
    func refused(_ values: [String]) {
        #expect { try CgroupSelection(parsing: values) } throws: { ($0 as? Fault)?.kind == .invalidArgument }
    }

    @Test("controllers of one hierarchy cannot be in two cgroups")
    func together() throws {
        let selection = try CgroupSelection(parsing: ["cpu:a", "cpuacct:b"])
        #expect { try selection.components(of: ["cpu", "cpuacct"]) } throws: { ($0 as? Fault)?.kind == .invalidArgument }
    }
}
