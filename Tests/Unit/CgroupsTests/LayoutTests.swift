import Faults
import Testing

@testable import Cgroups

@Suite struct LayoutTests {
    static let hybridMounts = """
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
        41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw,relatime - cgroup2 cgroup2 rw
        """
    static let hybridOwn = "9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/\n0::/\n"

    private func parse(mounts: String, own: String) -> CgroupLayout {
        CgroupLayout.parse(mounts: Array(mounts.utf8), own: Array(own.utf8))
    }

    @Test("a hybrid machine has each hierarchy with its own path")
    func hybrid() {
        let layout = parse(mounts: Self.hybridMounts, own: Self.hybridOwn)
        #expect(layout.mode == .hybrid)
        #expect(layout.hierarchies.map(\.controllers) == [["cpu", "cpuacct"], ["memory"], ["name=systemd"], []])
        #expect(layout.hierarchy(of: "memory")?.own == "a/b")
        #expect(layout.hierarchies.last?.mountPoint == "/sys/fs/cgroup/uni fied")
        #expect(layout.hierarchy(of: "pids") == nil)
    }

    @Test("a machine with only one generation, or none, is seen as that")
    func modes() {
        let unified = parse(mounts: "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", own: "0::/user.slice\n")
        #expect(unified.mode == .unified && unified.hierarchies.first?.own == "user.slice")
        #expect(parse(mounts: "30 23 0:26 / /m rw - cgroup c rw,pids\n", own: "8:pids:/\n").mode == .legacy)
        #expect(parse(mounts: "30 23 0:26 / / rw - ext4 /dev/a rw\n", own: "0::/\n").mode == .absent)
        #expect(parse(mounts: "", own: "").mode == .absent)
    }

    @Test("a mount that shows a part of the hierarchy is counted from that part")
    func partialMount() {
        let layout = parse(mounts: "30 23 0:26 /docker/x /cg ro - cgroup c rw,pids\n", own: "8:pids:/docker/x/inner\n")
        #expect(layout.hierarchies.first?.own == "inner")
        let outside = parse(mounts: "30 23 0:26 /docker/x /cg ro - cgroup c rw,pids\n", own: "8:pids:/other\n")
        #expect(outside.hierarchies.first?.own == "")
    }

    @Test("the second mount of a hierarchy is the same hierarchy")
    func secondMount() {
        let layout = parse(mounts: "30 23 0:26 / /a rw - cgroup c rw,pids\n31 23 0:26 / /b rw - cgroup c rw,pids\n", own: "8:pids:/\n")
        #expect(layout.hierarchies.map(\.mountPoint) == ["/a"])
    }

    @Test("an absolute path counts from the roots and a relative one from our own cgroups")
    func record() throws {
        let layout = parse(mounts: Self.hybridMounts, own: Self.hybridOwn)
        let absolute = try layout.record(of: CgroupPath(parsing: "/cais//x/.", id: "i"))
        #expect(absolute.places.map(\.path) == ["cais/x", "cais/x", "cais/x", "cais/x"])
        let relative = try layout.record(of: CgroupPath(parsing: "x", id: "i"))
        #expect(relative.places.map(\.path) == ["x", "a/b/x", "x", "x"])
        #expect(relative.directory(of: "memory") == "/sys/fs/cgroup/memory/a/b/x")
    }

    @Test(
        "a path that climbs ends beneath the root all the same",
        arguments: [("/../../x", "/x"), ("../../../x", "x"), ("/a/../b", "/b"), ("/a/b/../../../c/./d", "/c/d"), ("a/../../b", "b")])
    func climbing(_ text: String, _ path: String) throws { #expect(try CgroupPath(parsing: text, id: "i").description == path) }

    @Test("on v2 a relative path begins beside our own cgroup, which has processes")
    func relativeUnified() throws {
        let layout = parse(mounts: "30 23 0:26 / /c rw - cgroup2 cgroup2 rw\n", own: "0::/user/shell\n")
        #expect(try layout.record(of: CgroupPath(parsing: "x", id: "i")).places.map(\.path) == ["user/x"])
        let root = parse(mounts: "30 23 0:26 / /c rw - cgroup2 cgroup2 rw\n", own: "0::/init\n")
        #expect(try root.record(of: CgroupPath(parsing: "a/b", id: "i")).places.map(\.path) == ["a/b"])
    }

    @Test("without a path the place is named after the container")
    func defaultPath() throws {
        #expect(try CgroupPath(parsing: nil, id: "c1").description == "/cais/c1")
        #expect(try CgroupPath(parsing: "", id: "c1").description == "/cais/c1")
    }

    @Test(
        "a path that names the root or cannot be made is refused",
        arguments: ["..", "/..", "/a/../..", "a/..", "/", "//", ".", "/a\nb", "/a\0b", "/" + String(repeating: "a", count: 256)])
    func refused(_ text: String) {
        #expect { try CgroupPath(parsing: text, id: "i") } throws: { ($0 as? Fault)?.kind == .invalidArgument }
    }
}
