import EngineAPI
import OCISpec
import Testing

@testable import CLICore

@Suite struct ContainerOptionsTests {
    @Test("the image alone asks for docker's defaults") func plain() throws {
        let request = try options("busybox").request
        #expect(request.config.image == "busybox" && request.config.cmd == nil && request.config.entrypoint == nil)
        #expect(request.config.attachStdout && request.config.attachStderr && !request.config.attachStdin)
        #expect(request.hostConfig.networkMode == "default" && request.hostConfig.restartPolicy.name == "no")
        #expect(request.networkingConfig.endpointsConfig?.keys.sorted() == ["default"])
    }

    @Test("words after the image are the command, whatever they look like") func command() throws {
        #expect(try options("-i", "x", "sh", "-c", "--rm").request.config.cmd == ["sh", "-c", "--rm"])
    }

    @Test("-i keeps standard input for one client") func interactive() throws {
        let config = try options("-it", "x").request.config
        #expect(config.openStdin && config.stdinOnce && config.attachStdin && config.tty)
    }

    @Test("an empty entrypoint clears the image's") func entrypoint() throws {
        #expect(try options("--entrypoint", "", "x").request.config.entrypoint == [""])
        #expect(try options("--entrypoint", "sh", "x").request.config.entrypoint == ["sh"])
    }

    @Test("volumes are binds, and paths alone are anonymous") func volumes() throws {
        let request = try options("-v", "/a:/b:ro", "-v", "name:/d", "-v", "/e", "x").request
        #expect(request.hostConfig.binds == ["/a:/b:ro", "name:/d"])
        #expect(request.config.volumes == ["/e": EmptyObject()])
    }

    @Test("limits are read with their units") func limits() throws {
        let host = try options("-m", "64m", "--memory-swap=-1", "--cpus", "1.5", "--pids-limit", "-1", "--shm-size", "1g", "x").request.hostConfig
        #expect(host.memory == 64 << 20 && host.memorySwap == -1 && host.nanoCpus == 1_500_000_000 && host.pidsLimit == -1 && host.shmSize == 1 << 30)
    }

    static let mistakes: [([String], String)] = [
        (["--rm", "--restart", "always", "x"], "conflicting options: cannot specify both --restart and --rm"),
        (["--pid", "nope", "x"], "--pid: invalid PID mode"), (["--log-driver", "none", "--log-opt", "a=b", "x"], "invalid logging opts for driver none"),
        (["--memory-swappiness", "101", "x"], "invalid value: 101. Valid memory swappiness range is 0-100"),
        (["--network", "a", "--network", "a", "x"], "network \"a\" is specified multiple times"),
        (["--gpus", "all", "x"], "invalid argument \"all\" for \"--gpus\" flag: this engine does not serve it yet"),
        (["--init", "x"], "invalid argument \"true\" for \"--init\" flag: this engine does not serve it yet"),
    ]

    @Test("what does not fit together is refused", arguments: mistakes)
    func mistake(words: [String], why: String) {
        #expect(reason {
            switch words.count {
            case 2: _ = try options(words[0], words[1])
            case 3: _ = try options(words[0], words[1], words[2])
            case 4: _ = try options(words[0], words[1], words[2], words[3])
            default: _ = try options(words[0], words[1], words[2], words[3], words[4])
            }
        } == why)
    }

    // MARK: Ports

    private func publish(_ text: String) throws -> [String: [String]] {
        var ports = PortSpec.Ports()
        try PortSpec.publish(text, into: &ports)
        return ports.bindings.mapValues { $0.map { "\($0.hostIP)|\($0.hostPort)" } }
    }

    static let ports: [(String, [String: [String]])] = [
        ("80", ["80/tcp": ["|"]]), ("8080:80", ["80/tcp": ["|8080"]]), ("1.2.3.4:8080:80/udp", ["80/udp": ["1.2.3.4|8080"]]), ("1.2.3.4::80", ["80/tcp": ["1.2.3.4|"]]),
        ("[::1]:81:80", ["80/tcp": ["::1|81"]]), ("::1:81:80", ["80/tcp": ["::1|81"]]), ("80-81:90-91", ["90/tcp": ["|80"], "91/tcp": ["|81"]]),
        ("8000-8010:80", ["80/tcp": ["|8000-8010"]]), ("80/SCTP", ["80/sctp": ["|"]]), ("target=80,published=81,protocol=udp", ["80/udp": ["|81"]]),
    ]

    @Test("ports are read in every spelling", arguments: ports)
    func published(text: String, expected: [String: [String]]) throws { #expect(try publish(text) == expected) }

    static let noPorts: [(String, String)] = [
        ("99999:80", "invalid hostPort: 99999"), ("80:abc", "invalid containerPort: abc"), ("80:", "no port specified: 80:<empty>"), ("80/foo", "invalid proto: foo"),
        ("1.2:80:80", "invalid IP address: 1.2"), ("1-2:1-3", "invalid ranges specified for container and host Ports: 1-3 and 1-2"), ("5-1", "invalid containerPort: 5-1"),
    ]

    @Test("what is no port is refused", arguments: noPorts)
    func noPort(text: String, why: String) { #expect(reason { _ = try self.publish(text) } == why) }

    // MARK: Mounts

    @Test("a mount in long form") func mount() throws {
        let mount = try MountFlag.parse("type=bind,src=/a,dst=/b,readonly,bind-propagation=rshared")
        #expect(mount.type == "bind" && mount.source == "/a" && mount.target == "/b" && mount.readOnly && mount.bindOptions?.propagation == "rshared")
        let tmpfs = try MountFlag.parse("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777")
        #expect(tmpfs.tmpfsOptions?.sizeBytes == 1 << 20 && tmpfs.tmpfsOptions?.mode == 0o1777)
        #expect(try MountFlag.parse("\"type=bind\",\"source=/a,b\",target=/c").source == "/a,b")
    }

    static let noMounts: [(String, String)] = [
        ("foo", "invalid field 'foo' must be a key=value pair"), ("type=bind", "target is required"), ("type=bind,target=/a,nope=1", "unexpected key 'nope' in 'nope=1'"),
        ("type=tmpfs,target=/a,bind-propagation=shared", "cannot mix 'bind-*' options with mount type 'tmpfs'"), ("type=bind,target=/a,ro=x", "invalid value for ro: x"),
    ]

    @Test("what is no mount is refused", arguments: noMounts)
    func noMount(text: String, why: String) { #expect(reason { _ = try MountFlag.parse(text) } == why) }
}
