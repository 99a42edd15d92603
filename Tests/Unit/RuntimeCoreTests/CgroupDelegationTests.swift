import OCISpec
import Testing

@testable import RuntimeCore

/// The specification's rules for who owns a container's cgroup (config-linux.md, "Cgroup ownership").
@Suite struct CgroupDelegationTests {
    static func spec(
        source: String = "cgroup", destination: String = "/sys/fs/cgroup", options: [String]? = ["rw"], user: UInt32 = 1_000,
        kinds: [RuntimeSpec.Linux.NamespaceKind] = [.mount, .cgroup, .user], mappings: [RuntimeSpec.Linux.IDMapping]? = [.init(containerID: 0, hostID: 100_000, size: 65_536)]
    ) -> RuntimeSpec {
        var spec = RuntimeSpec(ociVersion: "1.0.0")
        spec.process = .init()
        spec.process?.user = .init(uid: user, gid: 0)
        spec.mounts = [.init(destination: destination, type: "cgroup", source: source, options: options)]
        spec.linux = .init(
            namespaces: kinds.map { .init(type: $0) }, uidMappings: kinds.contains(.user) ? mappings : nil, gidMappings: kinds.contains(.user) ? mappings : nil)
        return spec
    }

    static func owner(_ spec: RuntimeSpec) throws -> UInt32? { CgroupDelegation.owner(spec, try NamespacePlan.make(spec.linux)) }

    @Test("the user of the program, as the host counts, where the hierarchy can be written")
    func owners() throws {
        #expect(try Self.owner(Self.spec()) == 101_000)
        #expect(try Self.owner(Self.spec(options: nil)) == 101_000)
        #expect(try Self.owner(Self.spec(kinds: [.mount, .cgroup])) == 1_000)
    }

    @Test("nobody without a cgroup namespace, with a read-only or another mount, or with an id that is not mapped")
    func nobody() throws {
        #expect(try Self.owner(Self.spec(kinds: [.mount, .user])) == nil)
        #expect(try Self.owner(Self.spec(options: ["nosuid", "ro"])) == nil)
        #expect(try Self.owner(Self.spec(destination: "/cgroup")) == nil)
        #expect(try Self.owner(Self.spec(source: "tmpfs")) == nil)
        #expect(try Self.owner(Self.spec(user: 70_000)) == nil)
    }
}
