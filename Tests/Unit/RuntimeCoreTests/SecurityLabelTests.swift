import Faults
import Linux
import OCISpec
import Testing

@testable import RuntimeCore

@Suite struct SecurityLabelTests {
    @Test("a label is an option of file systems that take one, and of no others")
    func mountParameter() {
        #expect(SecurityLabels.mountParameter("system_u:object_r:x_t:s0:c1,c2", type: "tmpfs") == .value("context", "system_u:object_r:x_t:s0:c1,c2"))
        for type in ["proc", "sysfs", "cgroup", "cgroup2", "mqueue"] { #expect(SecurityLabels.mountParameter("x", type: type) == nil) }
        #expect(SecurityLabels.mountParameter("", type: "tmpfs") == nil && SecurityLabels.mountParameter(nil, type: "tmpfs") == nil)
    }

    @Test("the mounts of a configuration with a label have it, bind mounts have not")
    func plan() throws {
        let mounts: [RuntimeSpec.Mount] = [
            .init(destination: "/a", type: "tmpfs"), .init(destination: "/proc", type: "proc"), .init(destination: "/b", source: "/b", options: ["bind"]),
        ]
        let plan = try MountPlan.make(RuntimeSpec(mounts: mounts, linux: .init(mountLabel: "l")), bundle: "/")
        #expect(plan.map(\.options.parameters) == [[.value("context", "l")], [], []])
    }

    @Test("labels that are empty ask for nothing")
    func empty() throws {
        #expect(throws: Never.self) { try SecurityLabels.check(.init(args: ["x"], apparmorProfile: "", selinuxLabel: "")) }
        #expect(throws: Never.self) { try SecurityLabels.check(mountLabel: "") }
        #expect(throws: Never.self) { try SecurityLabels.check(mountLabel: nil) }
    }
}
