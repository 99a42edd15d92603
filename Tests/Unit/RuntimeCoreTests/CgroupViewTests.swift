import Testing

@testable import Cgroups
@testable import RuntimeCore

/// What a mount of type `cgroup` shows.
@Suite struct CgroupViewTests {
    static func place(_ version: CgroupVersion, _ controllers: [String], _ point: String) -> CgroupRecord.Place {
        .init(version: version, controllers: controllers, mountPoint: point, path: "cais/x")
    }

    @Test("v2 alone is one directory, the container's own")
    func unified() {
        let record = CgroupRecord(places: [Self.place(.v2, ["memory"], "/sys/fs/cgroup")])
        #expect(CgroupView(record) == .unified(path: "/sys/fs/cgroup/cais/x"))
    }

    @Test("v1 is a directory for each hierarchy, with links for controllers that share one")
    func legacy() {
        let record = CgroupRecord(places: [
            Self.place(.v1, ["cpu", "cpuacct"], "/sys/fs/cgroup/cpu,cpuacct"), Self.place(.v1, ["memory"], "/sys/fs/cgroup/memory"),
            Self.place(.v1, ["name=systemd"], "/sys/fs/cgroup/systemd"), Self.place(.v2, ["hugetlb"], "/sys/fs/cgroup/unified"),
        ])
        let names = ["cpu,cpuacct", "memory", "systemd", "unified"]
        #expect(
            CgroupView(record)
                == .hierarchies(
                    names.map { .init(name: $0, path: "/sys/fs/cgroup/\($0)/cais/x") },
                    links: [.init(name: "cpu", target: "cpu,cpuacct"), .init(name: "cpuacct", target: "cpu,cpuacct")]))
    }

    @Test("without a cgroup there is nothing to show")
    func nothing() {
        #expect(CgroupView(nil) == nil && CgroupView(CgroupRecord(places: [])) == nil)
    }
}
