import CLinux
import Faults
import Linux
import OCISpec
import Testing

@testable import Cgroups

/// Whether there is a hierarchy to work in.
private let isPossible: Bool = {
    // Whatever hinders looking hinders the tests.
    guard geteuid() == 0, let layout = try? CgroupLayout.detect(), let first = layout.hierarchies.first else { return false }
    return access(first.mountPoint, W_OK) == 0
}()

/// The manager on this machine's own cgroups, beneath a path of its own.
@Suite(.serialized, .enabled(if: isPossible, "needs root and a writable cgroup hierarchy"))
struct KernelTests {
    /// A cgroup that is gone after `body`, whatever happens, with a sleeping process that ends with it.
    static func withCgroup(_ body: (any CgroupManager, pid_t) throws -> Void) throws {
        let path = try CgroupPath(parsing: "/cais-test-unit/\(getpid())", id: "")
        let cgroup = try Cgroup.create(path: path, layout: CgroupLayout.detect())
        defer {
            // A test that failed has said why; what is left goes with the next run's parent.
            try? cgroup.remove()
            for place in cgroup.record.places { rmdir("\(place.mountPoint)/cais-test-unit") }
        }
        let pid = try sleeper()
        defer {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        try body(cgroup, pid)
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    static func sleeper() throws -> pid_t {
        var pid: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/sleep"), strdup("60"), nil]
        defer { arguments.forEach { free($0) } }
        let result = posix_spawn(&pid, "/bin/sleep", nil, nil, &arguments, nil)
        guard result == 0 else { throw Errno(rawValue: result) }
        return pid
    }

    static func text(_ cgroup: any CgroupManager, _ controller: String, _ file: String) throws -> String {
        let directory = try #require(cgroup.record.directory(of: controller))
        return String(decoding: try Files.open("\(directory)/\(file)").readAll(limit: 4_096).dropLast(), as: UTF8.self)
    }

    @Test("a process that was moved in is found, frozen, let go, counted and killed")
    func life() throws {
        try Self.withCgroup { cgroup, pid in
            try cgroup.join(pid)
            #expect(try cgroup.processes() == [pid])
            try cgroup.freeze()
            #expect(try cgroup.isFrozen())
            try cgroup.thaw()
            #expect(try !cgroup.isFrozen())
            let statistics = try cgroup.statistics()
            #expect(statistics.pids.map { $0.current == 1 } ?? true)
            #expect(statistics.memory.map { $0.usageBytes < 1 << 30 } ?? true)
            #expect(try cgroup.oomKillCount() ?? 0 == 0)
            try cgroup.freeze()
            try cgroup.signalAll(SIGKILL)
            var status: CInt = 0
            #expect(waitpid(pid, &status, 0) == pid && ExitStatus(waitStatus: status) == .signaled(signal: SIGKILL))
            try cgroup.remove()
            #expect(cgroup.record.places.allSatisfy { !Files.exists($0.directory) })
        }
    }

    @Test("a record opens the same cgroup again, and one that is gone is not found")
    func record() throws {
        try Self.withCgroup { cgroup, _ in
            let bytes = cgroup.record.text.bytes
            let again = try Cgroup.open(JSON.members(of: bytes) { try CgroupRecord($0) })
            #expect(again.record == cgroup.record)
            try again.remove()
            #expect { try Cgroup.open(cgroup.record) } throws: { ($0 as? Fault)?.kind == .notFound }
            try Cgroup.remove(cgroup.record)
        }
    }

    @Test("a cgroup with processes is not used for a new container, an empty one is")
    func conflict() throws {
        try Self.withCgroup { cgroup, pid in
            let path = try CgroupPath(parsing: "/cais-test-unit/\(getpid())", id: "")
            _ = try Cgroup.create(path: path, layout: CgroupLayout.detect())
            try cgroup.join(pid)
            #expect { try Cgroup.create(path: path, layout: CgroupLayout.detect()) } throws: { ($0 as? Fault)?.kind == .conflict }
        }
    }

    @Test("limits of the controllers this machine has are in the kernel's files")
    func limits() throws {
        try Self.withCgroup { cgroup, _ in
            let has = { (controller: String) in cgroup.record.directory(of: controller) != nil }
            if has("memory") {
                try cgroup.apply(.init(memory: .init(limit: 64 << 20, swap: 128 << 20)))
                // Raised and lowered: the kernel wants another order each time.
                try cgroup.apply(.init(memory: .init(limit: 256 << 20, swap: 512 << 20)))
                try cgroup.apply(.init(memory: .init(limit: 32 << 20, swap: 32 << 20)))
                let file = cgroup.record.places.contains { $0.version == .v1 && $0.controllers.contains("memory") } ? "memory.limit_in_bytes" : "memory.max"
                #expect(try Self.text(cgroup, "memory", file) == String(32 << 20))
                #expect(try cgroup.statistics().memory?.limitBytes == 32 << 20)
            }
            if has("pids") {
                try cgroup.apply(.init(pids: .init(limit: 7)))
                #expect(try cgroup.statistics().pids?.limit == 7)
            }
            if has("cpu") {
                try cgroup.apply(.init(cpu: .init(shares: 512, quota: 20_000, period: 50_000)))
                try cgroup.apply(.init(cpu: .init(quota: 1_000_000, period: 1_000_000)))
                try cgroup.apply(.init(cpu: .init(quota: 5_000, period: 10_000)))
            }
            if has("cpuset") {
                try cgroup.apply(.init(cpu: .init(cpus: "0")))
                #expect(try Self.text(cgroup, "cpuset", "cpuset.cpus") == "0")
                #expect { try cgroup.apply(.init(cpu: .init(cpus: "9999"))) } throws: { ($0 as? Fault)?.kind == .invalidArgument }
            }
        }
    }

    @Test("device rules are accepted by the kernel, twice")
    func devices() throws {
        try Self.withCgroup { cgroup, _ in
            let rules = [RuntimeSpec.Linux.Resources.DeviceRule(allow: false), .init(allow: true, type: "c", major: 10, minor: 229, access: "rw")]
            try cgroup.apply(devices: rules)
            try cgroup.apply(devices: [.init(allow: true)])
            try cgroup.apply(devices: rules)
            if cgroup.record.directory(of: "devices") != nil {
                #expect(try Self.text(cgroup, "devices", "devices.list").contains("c 10:229 rw"))
            }
        }
    }

    @Test("device programs are accepted by the kernel where there is cgroup v2", .enabled(if: CgroupLayout.hasUnified, "needs cgroup v2"))
    func programs() throws {
        try Self.withCgroup { cgroup, _ in
            let place = try #require(cgroup.record.places.first { $0.version == .v2 })
            for rules in DeviceTests.ruleSets { try UnifiedDevices.attach(DevicePolicy(rules), to: CgroupDirectory.open(place)) }
        }
    }
}

extension CgroupLayout {
    /// Whether this machine has v2; not having it is all that an error can mean here.
    static var hasUnified: Bool { ((try? detect())?.hierarchies ?? []).contains { $0.version == .v2 } }
}
