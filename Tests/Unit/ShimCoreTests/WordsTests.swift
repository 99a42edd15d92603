import Faults
import Testing

@testable import ShimCore

@Suite struct RuntimeFailureTests {
    @Test(
        "what runc, crun and cais-runtime say about a command that is missing is understood",
        arguments: [
            (#"runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH"#, "nosuch"),
            (#"exec: "/nosuch": stat /nosuch: no such file or directory"#, "/nosuch"),
            ("executable file `nosuch` not found in $PATH: No such file or directory", "nosuch"),
            ("exec nosuch: executable file not found in $PATH", "nosuch"),
        ])
    func missing(message: String, command: String) { #expect(RuntimeFailure.kind(of: message, command: command) == .commandNotFound) }

    @Test(
        "and about one that cannot be executed",
        arguments: [
            (#"exec: "/etc": permission denied"#, "/etc"), (#"exec: "/etc": is a directory"#, "/etc"),
            ("open executable: Operation not permitted", "/etc"), ("exec /bin/data: exec format error", "/bin/data"),
        ])
    func notExecutable(message: String, command: String) {
        #expect(RuntimeFailure.kind(of: message, command: command) == .commandNotExecutable)
    }

    @Test(
        "a mount that lacks a file is no missing command",
        arguments: [
            "error mounting \"/data\" to rootfs at \"/data\": no such file or directory",
            "mkdir /sys/fs/cgroup/memory/x: permission denied", "exec fifo: no such file or directory",
        ])
    func others(message: String) { #expect(RuntimeFailure.kind(of: message, command: "sh") == .failed) }

    @Test("the last error of a log counts, whatever else is in it")
    func log() {
        let log = """
            {"level":"info","msg":"one"}
            {"msg":"first","level":"error","time":"x"}
            not json
            {"msg":"second","level":"error"}
            {"msg":"later","level":"warning"}
            """
        #expect(RuntimeFailure.lastError(inLog: Array(log.utf8)) == "second")
        #expect(RuntimeFailure.lastError(inLog: []) == nil)
        #expect(RuntimeFailure.lastLine(of: "a\nb\n\n  \n") == "b")
    }
}

@Suite struct SignalNamesTests {
    @Test("signals are known by name, with and without SIG, by number, and real-time ones by offset")
    func known() {
        let expected: [(String, Int32)] = [
            ("TERM", 15), ("SIGTERM", 15), ("sigkill", 9), ("1", 1), ("64", 64), ("RTMIN", 34), ("SIGRTMIN+3", 37), ("RTMAX", 64),
            ("RTMAX-1", 63), ("WINCH", 28), ("SYS", 31),
        ]
        for (name, number) in expected { #expect(SignalNames.number(name) == number, "\(name)") }
    }

    @Test("nothing else is a signal", arguments: ["", "0", "65", "-1", "SIG", "NOPE", "RTMIN+31", "RTMIN+-1", "RTMAX+1", "SIG9"])
    func unknown(name: String) { #expect(SignalNames.number(name) == nil) }
}

@Suite struct DemultiplexerTests {
    @Test("frames come apart wherever the bytes were cut")
    func cuts() {
        let bytes: [UInt8] =
            [1, 0, 0, 0, 0, 0, 0, 3] + Array("out".utf8) + [2, 0, 0, 0, 0, 0, 0, 2] + Array("er".utf8) + [1, 0, 0, 0, 0, 0, 0, 0]
        for cut in 0...bytes.count {
            var demultiplexer = Demultiplexer()
            let pieces = demultiplexer.take(bytes[..<cut]) + demultiplexer.take(bytes[cut...])
            #expect(pieces.filter { $0.stream == .stdout }.flatMap(\.bytes) == Array("out".utf8))
            #expect(pieces.filter { $0.stream == .stderr }.flatMap(\.bytes) == Array("er".utf8))
        }
    }
}

@Suite struct MemoryKillsTests {
    @Test("the counter of either kind of cgroup is found from /proc/PID/cgroup")
    func candidates() {
        let hybrid = MemoryKills.candidates(from: "9:memory:/cais/a\n2:cpu,cpuacct:/cais/a\n0::/\n")
        #expect(hybrid.map(\.file) == ["/sys/fs/cgroup/memory/cais/a/memory.oom_control", "/sys/fs/cgroup//memory.events"])
        #expect(MemoryKills.candidates(from: "0::/cais/a").map(\.file) == ["/sys/fs/cgroup/cais/a/memory.events"])
        #expect(MemoryKills.candidates(from: "nonsense").isEmpty)
    }
}
