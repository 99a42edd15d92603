import Faults
import Linux
import OCISpec
import Testing

@testable import RuntimeCore

@Suite struct NamespacePlanTests {
    typealias Namespace = RuntimeSpec.Linux.Namespace
    let one = [RuntimeSpec.Linux.IDMapping(containerID: 0, hostID: 100_000, size: 65_536)]

    @Test("kinds without a path are made, kinds with one are joined, the user namespace first")
    func kinds() throws {
        let plan = try NamespacePlan.make(.init(namespaces: [
            .init(type: .network, path: "/run/net"), .init(type: .user, path: "/run/user"), .init(type: .pid), .init(type: .cgroup),
        ]))
        #expect(plan.created == [.pid, .cgroup])
        #expect(plan.cloned == .pid)
        #expect(plan.joined.map(\.name) == ["user", "network"])
        #expect(plan.all == [.pid, .cgroup, .network, .user])
    }

    @Test("a kind listed twice, a relative path and mappings without a user namespace are refused")
    func wrong() {
        #expect(throws: Fault.self) { try NamespacePlan.make(.init(namespaces: [.init(type: .pid), .init(type: .pid)])) }
        #expect(throws: Fault.self) { try NamespacePlan.make(.init(namespaces: [.init(type: .pid, path: "ns")])) }
        #expect(throws: Fault.self) { try NamespacePlan.make(.init(uidMappings: one, gidMappings: one)) }
        #expect(throws: Fault.self) { try NamespacePlan.make(.init(namespaces: [.init(type: .user)])) }
    }

    @Test("maps and offsets are the lines the kernel wants")
    func lines() throws {
        let plan = try NamespacePlan.make(.init(
            namespaces: [.init(type: .user), .init(type: .time)], uidMappings: one, gidMappings: one + one,
            timeOffsets: .init(boottime: .init(secs: -5), monotonic: .init(secs: 1, nanosecs: 2))))
        #expect(plan.uidMap == "0 100000 65536\n")
        #expect(plan.gidMap == "0 100000 65536\n0 100000 65536\n")
        #expect(plan.timeOffsets == "monotonic 1 2\nboottime -5 0\n")
        #expect(throws: Fault.self) { try NamespacePlan.make(.init(timeOffsets: .init(boottime: .init(secs: 1)))) }
    }
}

@Suite struct SysctlPlanTests {
    func plan(_ keys: [String: String], _ kinds: NamespaceSet = [.network, .ipc, .uts, .user]) throws(Fault) -> [PlannedSysctl] {
        try SysctlPlan.make(RuntimeSpec(linux: .init(sysctl: keys)), namespaces: kinds)
    }

    @Test("parameters of the container's own namespaces are allowed")
    func allowed() throws {
        let plan = try plan(["net.ipv4.ip_forward": "1", "kernel.shmmax": "2", "fs.mqueue.msg_max": "3", "net/ipv4/conf/eth0.1/forwarding": "4"])
        #expect(plan.map(\.path) == ["sys/fs/mqueue/msg_max", "sys/kernel/shmmax", "sys/net/ipv4/ip_forward", "sys/net/ipv4/conf/eth0.1/forwarding"])
    }

    @Test(
        "everything else is the host's, however it is spelled",
        arguments: [
            "kernel.core_pattern", "vm.swappiness", "net", "kernel", "kernel.shmmax.x", "net.ipv4/../../kernel/core_pattern", "net..x", "",
            "net/../kernel/core_pattern", "kernel+core_pattern", "fs.mqueue", ".net.x", "kernel.hostname",
        ])
    func refused(key: String) {
        #expect(throws: Fault.self) { try plan([key: "x"]) }
    }

    @Test("without the namespace the parameter is the host's")
    func namespaces() {
        #expect(throws: Fault.self) { try plan(["net.core.somaxconn": "1"], [.ipc]) }
        #expect(throws: Fault.self) { try plan(["kernel.sem": "1"], [.network]) }
    }
}

@Suite struct CapabilityPlanTests {
    @Test("an absent object means no capability at all")
    func absent() {
        let plan = CapabilityPlan.make(nil, held: CapabilitySet(rawValue: .max))
        #expect(plan == CapabilityPlan())
    }

    @Test("what is unknown or not held is left out and said")
    func degraded() throws {
        let wanted = RuntimeSpec.Capabilities(
            bounding: ["CAP_KILL", "CAP_NOPE"], effective: ["CAP_KILL", "CAP_SYS_RESOURCE"], permitted: ["CAP_KILL", "CAP_SYS_RESOURCE"])
        let kill = try #require(CapabilitySet(name: "CAP_KILL"))
        let plan = CapabilityPlan.make(wanted, held: kill)
        #expect(plan.permitted == kill && plan.effective == kill && plan.bounding == kill && plan.inheritable == [])
        #expect(plan.warnings.count == 2)
        #expect(plan.warnings[0].contains("CAP_NOPE") && plan.warnings[1].contains("CAP_SYS_RESOURCE"))
    }

    @Test("ambient needs permitted and inheritable")
    func ambient() throws {
        let all = CapabilitySet(rawValue: .max)
        let plan = CapabilityPlan.make(.init(inheritable: ["CAP_KILL"], permitted: ["CAP_KILL", "CAP_CHOWN"], ambient: ["CAP_KILL", "CAP_CHOWN"]), held: all)
        #expect(plan.ambient.names == ["CAP_KILL"])
    }
}

@Suite struct ValidationTests {
    @Test("versions 1.x are taken, others not", arguments: [("1.0.0", true), ("1.0.2-dev", true), ("1.9.0+x", true), ("1.3.0-rc.1+build.007", true), ("1.0.02", false), ("1.0.+2", false), ("1.0.0-", false), ("1.0.0-01", false), ("1.0.0 ", false), ("2.0.0", false), ("1.0", false), ("x", false), ("", false)])
    func version(text: String, isTaken: Bool) {
        #expect((try? Validation.checkVersion(text)) != nil || !isTaken)
        if !isTaken { #expect(throws: Fault.self) { try Validation.checkVersion(text) } }
    }

    @Test("names that could be paths are no names", arguments: ["", ".", "..", "a/b", "a b", "ä", "a\n"])
    func names(id: String) {
        #expect(throws: Fault.self) { try Validation.checkID(id) }
    }

    @Test("what a process may not be")
    func process() {
        let wrong: [RuntimeSpec.Process] = [
            .init(args: []), .init(args: nil), .init(args: ["x"], cwd: "relative"), .init(args: ["a\0b"]),
            .init(user: .init(uid: 1 << 31), args: ["x"]), .init(user: .init(additionalGids: [.max]), args: ["x"]),
            .init(args: ["x"], rlimits: [.init(type: "RLIMIT_X", soft: 1, hard: 1)]), .init(args: ["x"], oomScoreAdj: 1_001),
            .init(args: ["x"], rlimits: [.init(type: "RLIMIT_CPU", soft: 2, hard: 1)]),
            .init(terminal: true, consoleSize: .init(height: 70_000, width: 1), args: ["x"]),
            .init(args: ["x"], ioPriority: .init(class: .bestEffort, priority: 8)), .init(args: ["x"], ioPriority: .init(class: .idle, priority: -1)),
            .init(args: ["x"], scheduler: .init(policy: .iso)),
        ]
        for process in wrong { #expect(throws: Fault.self) { try Validation.check(process) } }
        #expect(throws: Never.self) { try Validation.check(RuntimeSpec.Process(args: ["true"])) }
        // config.md: consoleSize MUST be ignored without a terminal.
        #expect(throws: Never.self) { try Validation.check(RuntimeSpec.Process(consoleSize: .init(height: 70_000, width: 1), args: ["x"])) }
    }

    @Test("a personality has a domain and no flags")
    func personality() {
        func check(_ personality: RuntimeSpec.Linux.Personality) throws(Fault) { try Validation.check(RuntimeSpec(linux: .init(personality: personality))) }
        #expect(throws: Never.self) { try check(.init(domain: .linux32, flags: [])) }
        #expect(throws: Fault.self) { try check(.init()) }
        #expect(throws: Fault.self) { try check(.init(domain: .linux, flags: ["ADDR_NO_RANDOMIZE"])) }
    }
}

@Suite struct HandshakeTests {
    @Test("messages arrive as they were sent", arguments: [
        InitMessage.warning("a: b"), .hooksDue, .ready, .failed(Fault(.commandNotFound, "why", errno: 2, trail: ["outer", "inner"])), .failed(Fault(.failed, "")),
    ])
    func roundTrip(message: InitMessage) {
        #expect(InitMessage(decoding: message.encoded) == message)
    }

    @Test("a listener is a message with a descriptor beside it")
    func listener() throws {
        let ends = try UnixSocket.pair().split()
        let left = HandshakeSocket(descriptor: FileDescriptor(owning: ends.left))
        let right = HandshakeSocket(descriptor: FileDescriptor(owning: ends.right))
        try left.send(.ready)
        try HandshakeSocket.send(listener: ends.left, on: ends.left)
        #expect(try right.receive() == .ready)
        guard case .listener(let number) = try right.receive() else { throw Errno.invalid }
        // It is the other end: what is written to it arrives here.
        let passed = HandshakeSocket(descriptor: FileDescriptor(owning: number))
        try passed.send(.hooksDue)
        #expect(try right.receive() == .hooksDue)
        #expect(InitMessage(decoding: [5]) == nil)
    }

    @Test("bytes that are no message are refused", arguments: [[], [9], [4], [4, 0x78, 0]] as [[UInt8]])
    func damaged(bytes: [UInt8]) {
        #expect(InitMessage(decoding: bytes) == nil)
    }

    @Test("a hook's failure stays one, and is no other")
    func hookFailure() {
        let fault = Fault(.failed, "exit status 3", trail: ["error running startContainer hook #0", "/bin/false"])
        #expect(InitMessage(decoding: InitMessage.hookFailed(fault).encoded) == .hookFailed(fault))
        #expect(InitMessage(decoding: InitMessage.failed(fault).encoded) == .failed(fault))
    }

    @Test("a fault however long fits into a message")
    func long() {
        let fault = Fault(.failed, String(repeating: "x", count: 100_000), trail: Array(repeating: String(repeating: "y", count: 9_000), count: 9))
        #expect(InitMessage.failed(fault).encoded.count <= HandshakeSocket.messageBytesMax)
    }
}

@Suite struct SpecVersionTests {
    @Test("semantic versions are read, their builds and prereleases too", arguments: [("1.0.2-dev", 0), ("1.3.0", 3), ("1.10.0+a.01", 10), ("1.2.3-0.a-b.7+x", 2)])
    func minor(text: String, minor: Int) {
        #expect(SpecVersion(text)?.major == 1 && SpecVersion(text)?.minor == UInt32(minor))
    }

    @Test("what is no semantic version", arguments: ["", "1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0-a..b", "1.0.x", "+1.0.0", "1.0.0-ä"])
    func refused(text: String) {
        #expect(SpecVersion(text) == nil)
    }

    @Test("a failing poststart hook ends containers of bundles since 1.3", arguments: [("1.2.9", false), ("1.3.0-rc.1", true), ("1.3.0", true), ("1.10.0", true), ("2.0.0", true)])
    func poststart(text: String, ends: Bool) {
        #expect(SpecVersion(text)?.poststartFailureEnds == ends)
    }
}

@Suite struct SmallThingsTests {
    @Test("signals by name and number", arguments: [("TERM", 15), ("sigkill", 9), ("15", 15), ("RTMIN+1", 35), ("RTMAX", 64), ("0", 0)] as [(String, Int32)])
    func signals(text: String, number: Int32) {
        #expect(SignalName.number(text) == number)
    }

    @Test("what is no signal", arguments: ["", "NOPE", "65", "-1", "RTMIN+99", "RTMAX+1"])
    func noSignals(text: String) {
        #expect(SignalName.number(text) == nil)
    }

    @Test("home directories come from whole lines with an absolute directory")
    func passwd() {
        let file = Array("root:x:0:0::/root:/bin/sh\nbad:x:7\nu:x:5:5:U:home:\nv:x:6:6:::/bin/sh\nw:x:8:8::/home/w\n".utf8)
        #expect(PasswordFile.home(of: 0, in: file) == "/root")
        #expect(PasswordFile.home(of: 8, in: file) == "/home/w")
        for uid: UInt32 in [5, 6, 7, 9] { #expect(PasswordFile.home(of: uid, in: file) == nil) }
    }

    @Test("a status line of /proc is read past any name")
    func status() throws {
        let line = "12 (a) R 1) S 1 12 12 0 -1 4194368 1 0 0 0 0 0 0 0 20 0 1 0 777 1 1"
        let status = try Procfs.status(from: Array(line.utf8))
        #expect(status.state == UInt8(ascii: "S") && status.startTicks == 777 && status.hasNotExecuted && !status.hasEnded)
    }
}
