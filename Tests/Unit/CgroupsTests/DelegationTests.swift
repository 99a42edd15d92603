import CLinux
import Linux
import Testing

@testable import Cgroups

@Suite("A cgroup that is given away")
struct DelegationTests {
    @Test("has the files that the kernel lists, or three where it has no list")
    func files() {
        #expect(Delegation.files(Array("cgroup.procs\nmemory.oom.group\n".utf8)) == ["cgroup.procs", "memory.oom.group"])
        #expect(Delegation.files(nil) == ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"])
        #expect(Delegation.files(Array("../x\na\n".utf8)) == ["a"])
    }

    @Test("a file that it has not is no failure, one that cannot be given is")
    func missing() throws {
        var template = Array("/tmp/cais-delegation-XXXXXX\0".utf8CString.dropLast())
        let path = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { try? Files.removeTree(path) }
        try Files.replace(path + "/cgroup.procs", with: [UInt8](), durable: false)
        let directory = try Files.open(path, flags: O_RDONLY | O_DIRECTORY)
        // To oneself it needs no privilege.
        try Delegation.give(["cgroup.threads", "cgroup.procs"], in: directory.rawValue, to: geteuid())
        #expect(throws: Errno.notDirectory) { try Delegation.give(["cgroup.procs/x"], in: directory.rawValue, to: geteuid()) }
    }
}
