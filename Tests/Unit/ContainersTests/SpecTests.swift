import EngineAPI
import Faults
import Glibc
import OCISpec
import Testing

@testable import Containers

private func record(_ change: (inout ContainerConfig, inout HostConfig) -> Void = { _, _ in }) throws -> ContainerRecord {
    var config = ContainerConfig()
    config.image = "busybox"
    config.cmd = ["sh", "-c", "true"]
    config.hostname = "box"
    var host = HostConfig()
    change(&config, &host)
    HostRules.fill(
        &host, ContainersConfiguration(dataRoot: "/d", execRoot: "/r", shim: "s", runtimes: ["r": "/r"], defaultRuntime: "r"), .testing)
    return ContainerRecord(
        id: try #require(ContainerID(String(repeating: "ab", count: 32))), name: "box", created: .now(), imageID: "sha256:1", config: config,
        hostConfig: host, networking: NetworkingConfig(), phase: .created(nil))
}

private func spec(uid: UInt32 = 0, network: String? = "/ns", _ change: (inout ContainerConfig, inout HostConfig) -> Void = { _, _ in }) throws -> RuntimeSpec {
    let record = try record(change)
    return try SpecBuilder.spec(
        SpecInput(
            record: record, user: ResolvedUser(uid: uid, gid: uid, groups: [], home: "/home"), rootfs: "/rootfs", networkNamespace: network,
            cgroupParent: "/cais", mounts: try MountPlan(record.hostConfig, own: ContainerConfig(), image: nil).entries.map(\.mount),
            devices: try DevicePlan(record.hostConfig), files: ["/etc/hosts": "/d/hosts"], facts: .testing))
}

private func check(_ change: (inout ContainerConfig, inout HostConfig) -> Void) throws(Fault) -> [String] {
    var config = ContainerConfig()
    var host = HostConfig()
    change(&config, &host)
    let configuration = ContainersConfiguration(dataRoot: "/d", execRoot: "/r", shim: "s", runtimes: ["r": "/r"], defaultRuntime: "r")
    HostRules.fill(&host, configuration, .testing)
    return try HostRules.check(host, config, configuration, .testing)
}

@Suite("What a container's specification says") struct SpecTests {
    @Test("a plain container has namespaces of its own, masks, and the default filter") func plain() throws {
        let spec = try spec()
        #expect(spec.process?.args == ["sh", "-c", "true"])
        #expect(spec.process?.cwd == "/")
        #expect(spec.process?.env == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=box", "HOME=/home"])
        #expect(Set((spec.linux?.namespaces ?? []).map(\.type)) == [.mount, .network, .uts, .pid, .ipc])
        #expect(spec.linux?.namespaces?.first { $0.type == .network }?.path == "/ns")
        #expect(spec.linux?.maskedPaths?.contains("/proc/kcore") == true)
        #expect(spec.linux?.readonlyPaths?.contains("/proc/sys") == true)
        #expect(spec.linux?.seccomp?.defaultAction == .errno)
        #expect(spec.linux?.cgroupsPath == "/cais/" + String(repeating: "ab", count: 32))
        #expect(spec.linux?.sysctl == ["net.ipv4.ip_unprivileged_port_start": "0"])
        #expect(spec.hostname == "box")
        #expect(spec.mounts?.first { $0.destination == "/etc/hosts" }?.source == "/d/hosts")
        #expect(spec.process?.noNewPrivileges == nil)
    }

    @Test("root has the default capabilities and inherits none") func rootCapabilities() throws {
        let capabilities = try #require(try spec().process?.capabilities)
        #expect(capabilities.effective == ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"])
        #expect(capabilities.inheritable == nil)
        #expect(capabilities.ambient == nil)
    }

    @Test("another user has none in effect") func userCapabilities() throws {
        let capabilities = try #require(try spec(uid: 1000).process?.capabilities)
        #expect(capabilities.effective == nil)
        #expect(capabilities.permitted == nil)
        #expect(capabilities.bounding == ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"])
    }

    @Test("a privileged container is masked by nothing and may use every device") func privileged() throws {
        let spec = try spec { $1.privileged = true }
        #expect(spec.linux?.maskedPaths == nil)
        #expect(spec.linux?.readonlyPaths == nil)
        #expect(spec.linux?.seccomp == nil)
        #expect(spec.linux?.resources?.devices == [.init(allow: true, access: "rwm")])
        #expect(spec.mounts?.first { $0.destination == "/sys" }?.options?.contains("ro") == false)
        #expect(spec.process?.capabilities?.effective?.contains("CAP_SYS_ADMIN") == true)
    }

    @Test("host modes leave namespaces out") func hostModes() throws {
        let spec = try spec(network: nil) { config, host in
            host.networkMode = "host"
            host.pidMode = "host"
            host.utsMode = "host"
            host.ipcMode = "host"
        }
        #expect((spec.linux?.namespaces ?? []).map(\.type) == [.mount])
        #expect(spec.hostname == nil)
        #expect(spec.linux?.sysctl == nil)
        #expect(spec.mounts?.first { $0.destination == "/dev/shm" }?.type == "bind")
    }

    @Test("limits reach the runtime") func limits() throws {
        let resources = try #require(
            try spec { _, host in
                host.memory = 64 << 20
                host.nanoCpus = 500_000_000
                host.pidsLimit = 100
                host.cpuShares = 512
                host.cpusetCpus = "0-1"
                host.blkioWeight = 300
            }.linux?.resources)
        #expect(resources.memory?.limit == 64 << 20)
        #expect(resources.memory?.swap == 128 << 20)
        #expect(resources.cpu?.period == 100_000)
        #expect(resources.cpu?.quota == 50_000)
        #expect(resources.cpu?.shares == 512)
        #expect(resources.cpu?.cpus == "0-1")
        #expect(resources.pids?.limit == 100)
        #expect(resources.blockIO?.weight == 300)
    }

    @Test("a terminal has TERM and a size") func terminal() throws {
        let process = try #require(
            try spec { config, host in
                config.tty = true
                host.consoleSize = [40, 132]
            }.process)
        #expect(process.terminal == true)
        #expect(process.env?.contains("TERM=xterm") == true)
        #expect(process.consoleSize == RuntimeSpec.ConsoleSize(height: 40, width: 132))
    }

    @Test("what a container mounts itself replaces the default and what lies in it") func ownMounts() throws {
        let mounts = try #require(
            try spec { _, host in
                host.binds = ["/srv:/dev:ro", "/x:/etc/hosts"]
                host.tmpfs = ["/run": "size=64k,exec"]
            }.mounts)
        #expect(mounts.filter { $0.destination.hasPrefix("/dev") }.map(\.type) == ["bind"])
        #expect(mounts.filter { $0.destination == "/etc/hosts" }.map(\.source) == ["/x"])
        #expect(mounts.first { $0.destination == "/run" }?.options == ["nosuid", "nodev", "size=64k"])
        #expect(mounts.first { $0.destination == "/dev" }?.options == ["rbind", "ro", "rro", "rprivate"])
    }

    @Test("a cgroup parent cannot lead out of the hierarchy") func cgroupParent() throws {
        #expect(try spec { $1.cgroupParent = "/../../etc/./x" }.linux?.cgroupsPath?.hasPrefix("/etc/x/") == true)
    }

    @Test("labels, annotations, ulimits and oom score are carried over") func rest() throws {
        var ulimit = Ulimit()
        ulimit.name = "nofile"
        ulimit.soft = 10
        ulimit.hard = -1
        let spec = try spec { _, host in
            host.annotations = ["a": "b"]
            host.ulimits = [ulimit]
            host.oomScoreAdj = 100
            host.readonlyRootfs = true
            host.securityOpt = ["no-new-privileges", "seccomp=unconfined"]
        }
        #expect(spec.annotations == ["a": "b"])
        #expect(spec.process?.rlimits == [RuntimeSpec.Rlimit(type: "RLIMIT_NOFILE", soft: 10, hard: .max)])
        #expect(spec.process?.oomScoreAdj == 100)
        #expect(spec.root?.readonly == true)
        #expect(spec.process?.noNewPrivileges == true)
        #expect(spec.linux?.seccomp == nil)
    }
}

/// A host configuration that is refused, and with what words.
struct Refusal: Sendable {
    let text: String
    let change: @Sendable (inout HostConfig) -> Void

    init(_ text: String = "", _ change: @escaping @Sendable (inout HostConfig) -> Void) {
        self.text = text
        self.change = change
    }
}

@Suite("What is accepted of a host configuration") struct HostRulesTests {
    @Test("the defaults are accepted without a warning") func defaults() throws {
        #expect(try check { _, _ in }.isEmpty)
    }

    @Test(
        "nonsense is refused in docker's words",
        arguments: [
            Refusal("Minimum memory limit allowed is 6MB") { $0.memory = 4 << 20 },
            Refusal("Minimum memoryswap limit should be larger than memory limit, see usage") { ($0.memory, $0.memorySwap) = (64 << 20, 32 << 20) },
            Refusal("You should always set the Memory limit when using Memoryswap limit, see usage") { $0.memorySwap = 32 << 20 },
            Refusal("Conflicting options: Nano CPUs and CPU Period cannot both be set") { ($0.nanoCpus, $0.cpuPeriod) = (1_000_000_000, 100_000) },
            Refusal("Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available") { $0.nanoCpus = 3_000_000_000 },
            Refusal("Requested CPUs are not available - requested 7, available: 0,1") { $0.cpusetCpus = "7" },
            Refusal("Range of blkio weight is from 10 to 1000") { $0.blkioWeight = 5 },
            Refusal("SHM size can not be less than 0") { $0.shmSize = -1 },
            Refusal("Invalid value 2000, range for oom score adj is [-1000, 1000]") { $0.oomScoreAdj = 2000 },
            Refusal("unknown or invalid runtime name: nope") { $0.runtime = "nope" },
            Refusal("invalid capability: \"FLY\"") { $0.capAdd = ["FLY"] },
            Refusal("logger: no log driver named 'syslog' is registered") { $0.logConfig.type = "syslog" },
            Refusal("can't create 'AutoRemove' container with restart policy") { ($0.autoRemove, $0.restartPolicy.name) = (true, "always") },
            Refusal("invalid restart policy: maximum retry count can only be used with 'on-failure'") { ($0.restartPolicy.name, $0.restartPolicy.maximumRetryCount) = ("always", 3) },
            Refusal("invalid IpcMode: wild") { $0.ipcMode = "wild" },
            Refusal("invalid port specification: \"99999/tcp\"") { $0.portBindings = ["99999/tcp": []] },
            Refusal("invalid IP address in add-host: \"nowhere\"") { $0.extraHosts = ["a:nowhere"] },
            Refusal("sysctl 'kernel.core_pattern' is not allowed: it is no setting of a container's own namespaces") { $0.sysctls = ["kernel.core_pattern": "|x"] },
            Refusal("sysctl 'net.a+b' is not allowed: it is no setting of a container's own namespaces") { $0.sysctls = ["net.a+b": "1"] },
            Refusal("invalid isolation 'hyperv' on linux") { $0.isolation = "hyperv" },
        ])
    func refused(_ refusal: Refusal) {
        let fault = #expect(throws: Fault.self) { try check { refusal.change(&$1) } }
        #expect(fault?.description == refusal.text)
        #expect(fault?.kind == .invalidArgument)
    }

    @Test(
        "what this engine cannot do is refused by name",
        arguments: [
            Refusal { $0.volumesFrom = ["x"] }, Refusal { $0.links = ["x:y"] }, Refusal { $0.initProcess = true },
            Refusal { $0.storageOpt = ["size": "1G"] }, Refusal { $0.deviceRequests = [DeviceRequest()] },
            Refusal { $0.pidMode = "container:x" }, Refusal { $0.networkMode = "container:x" }, Refusal { $0.cpuCount = 2 },
            Refusal { $0.securityOpt = ["apparmor=mine"] }, Refusal { $0.volumeDriver = "nfs" },
        ])
    func unsupported(_ refusal: Refusal) {
        #expect { try check { refusal.change(&$1) } } throws: { ($0 as? Fault)?.kind == .unsupported }
    }

    @Test("log rotation is on unless somebody says otherwise") func rotation() throws {
        var config = LogConfig()
        config.type = "json-file"
        #expect(try LogPlan(config) == .jsonFile(sizeMax: 10_000_000, filesMax: 5))
        config.config = ["max-size": "1m", "max-file": "3"]
        #expect(try LogPlan(config) == .jsonFile(sizeMax: 1 << 20, filesMax: 3))
        config.config = ["colour": "red"]
        #expect(throws: Fault(.invalidArgument, "unknown log opt 'colour' for json-file log driver")) { try LogPlan(config) }
    }
}

@Suite("Capabilities") struct CapabilityTests {
    private let available: Set<String> = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN", "CAP_SYS_TIME"]

    @Test("dropping all and adding one leaves the one") func dropAll() throws {
        #expect(try ContainerCapabilities.resolve(add: ["net_admin"], drop: ["ALL"], privileged: false, available: available) == ["CAP_NET_ADMIN"])
    }
    @Test("adding all but one leaves the others") func addAll() throws {
        #expect(
            try ContainerCapabilities.resolve(add: ["ALL"], drop: ["CAP_CHOWN"], privileged: false, available: available)
                == ["CAP_KILL", "CAP_NET_ADMIN", "CAP_SYS_TIME"])
    }
    @Test("nothing is given that the engine does not have") func bounded() throws {
        #expect(!(try ContainerCapabilities.resolve(add: [], drop: [], privileged: true, available: available)).contains("CAP_SYS_ADMIN"))
    }
}

@Suite("System call filters") struct SeccompTests {
    private func names(_ capabilities: Set<String>, processor: String = "amd64") -> Set<String> {
        let filter = SeccompProfile.engineDefault.resolve(capabilities: capabilities, processor: processor, kernel: (6, 1))
        return Set((filter.syscalls ?? []).filter { $0.action == .allow }.flatMap(\.names))
    }
    @Test("mounting is for containers that may administrate") func capability() {
        #expect(!names([]).contains("mount"))
        #expect(names(["CAP_SYS_ADMIN"]).contains("mount"))
    }
    @Test("a processor's own calls are allowed on it only") func processors() {
        #expect(names([]).contains("arch_prctl"))
        #expect(!names([], processor: "arm64").contains("arch_prctl"))
    }
    @Test("clone3 says it does not exist, so that libraries fall back") func clone3() {
        let filter = SeccompProfile.engineDefault.resolve(capabilities: [], processor: "amd64", kernel: (6, 1))
        let rule = (filter.syscalls ?? []).first { $0.names == ["clone3"] }
        #expect(rule?.action == .errno)
        #expect(rule?.errnoRet == 38)
        #expect(filter.architectures == [.x86_64, .x86, .x32])
    }
    @Test("a client's own profile is read") func own() throws {
        let profile = try SeccompProfile(
            json: #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]}"#)
        let filter = profile.resolve(capabilities: [], processor: "amd64", kernel: (6, 1))
        #expect(filter.defaultAction == .allow)
        #expect(filter.syscalls?.map(\.names) == [["mkdir"]])
        #expect(throws: Fault.self) { try SeccompProfile(json: "{") }
    }
}

@Suite("Users and groups of a container") struct UserLookupTests {
    private let users = UserLookup.parseUsers(Array("root:x:0:0::/root:/bin/sh\nweb:x:33:33:Web:/var/www:/bin/false\nbroken line\nbig:x:4294967295:1::/:/\n".utf8))
    private let groups = UserLookup.parseGroups(Array("root:x:0:\nweb:x:33:\nlog:x:4:web,other\n".utf8))

    private func resolve(_ text: String, _ additional: [String] = []) throws(Fault) -> ResolvedUser {
        try UserLookup.resolve(text, additional: additional, users: users, groups: groups)
    }

    @Test("a name becomes its numbers, groups and home") func name() throws {
        #expect(try resolve("web") == ResolvedUser(uid: 33, gid: 33, groups: [4], home: "/var/www"))
    }
    @Test("nobody named is root") func root() throws {
        #expect(try resolve("") == ResolvedUser(uid: 0, gid: 0, groups: [], home: "/root"))
    }
    @Test("a number need not be in any file") func number() throws {
        #expect(try resolve("1234:5678") == ResolvedUser(uid: 1234, gid: 5678, groups: [], home: "/"))
    }
    @Test("a group named beside the user is the only one") func group() throws {
        #expect(try resolve("web:log") == ResolvedUser(uid: 33, gid: 4, groups: [], home: "/var/www"))
    }
    @Test("further groups are added once") func additional() throws {
        #expect(try resolve("web", ["log", "7"]).groups == [4, 7])
    }
    @Test("unknown names are refused") func unknown() {
        #expect(throws: Fault(.invalidArgument, "unable to find user nobody: no matching entries in passwd file")) { try resolve("nobody") }
        #expect(throws: Fault(.invalidArgument, "unable to find group nogroup: no matching entries in group file")) { try resolve("web:nogroup") }
    }
    @Test("numbers of 2^31 and more are no IDs") func range() {
        #expect(throws: Fault.self) { try resolve("4294967295") }
        #expect(!users.contains { $0.name == "big" })
    }
    @Test("a pipe in the file's place is refused and not waited for") func pipe() throws {
        let scratch = Scratch()
        mkdir(scratch.path + "/etc", 0o755)
        #expect(mkfifo(scratch.path + "/etc/passwd", 0o644) == 0)
        #expect(throws: Fault(.invalidArgument, "the container's /etc/passwd is not a regular file")) {
            try UserLookup.resolve("web", additional: [], rootfs: scratch.path)
        }
    }
    @Test("a link out of the container leads back into it") func link() throws {
        let scratch = Scratch()
        mkdir(scratch.path + "/etc", 0o755)
        #expect(symlink("/../../../../../etc/passwd", scratch.path + "/etc/passwd") == 0)
        #expect(throws: Fault.self) { try UserLookup.resolve("root-of-the-host-only", additional: [], rootfs: scratch.path) }
    }
}

@Suite("Mounts that are asked for") struct MountPlanTests {
    private func plan(_ change: (inout HostConfig) -> Void) throws(Fault) -> MountPlan {
        var host = HostConfig()
        change(&host)
        return try MountPlan(host, own: ContainerConfig(), image: nil)
    }
    @Test("a parent is mounted before its child") func order() throws {
        #expect(try plan { $0.binds = ["/a:/x/y/z", "/b:/x", "/c:/x/y"] }.entries.map(\.mount.destination) == ["/x", "/x/y", "/x/y/z"])
    }
    @Test("one target cannot be two mounts") func duplicate() {
        #expect(throws: Fault(.invalidArgument, "Duplicate mount point: /x")) {
            try plan {
                $0.binds = ["/a:/x"]
                $0.tmpfs = ["/x/": ""]
            }
        }
    }
    @Test("nonsense is refused", arguments: ["", ":", "/a:", "/a:b", "/a:/", "/a:/b:what", "/a:/b:ro:x"]) func nonsense(_ bind: String) {
        #expect { try plan { $0.binds = [bind] } } throws: { ($0 as? Fault)?.kind == .invalidArgument }
    }
    @Test("named volumes are refused by name") func volumes() {
        #expect { try plan { $0.binds = ["data:/b"] } } throws: { ($0 as? Fault)?.kind == .unsupported && "\($0)".contains("data") }
    }
    @Test("a missing source of --mount is refused, one of -v is made") func sources() throws {
        let scratch = Scratch()
        var request = MountRequest()
        (request.type, request.source, request.target) = ("bind", scratch.path + "/missing", "/b")
        #expect(throws: Fault(.invalidArgument, "invalid mount config for type \"bind\": bind source path does not exist: \(scratch.path)/missing")) {
            try plan { $0.mounts = [request] }.prepareSources()
        }
        try plan { $0.binds = [scratch.path + "/made/deep:/b"] }.prepareSources()
        #expect(access(scratch.path + "/made/deep", F_OK) == 0)
    }
}

@Suite("Files of /etc") struct EtcFilesTests {
    @Test("the host's resolvers on its loopback are left out") func resolver() {
        let host = "# comment\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch a b\noptions ndots:1\n"
        #expect(
            EtcFiles.resolver(host, keepLoopback: false, servers: [], search: [], options: [])
                == "nameserver 10.0.0.1\nsearch a b\noptions ndots:1\n")
        #expect(
            EtcFiles.resolver(host, keepLoopback: false, servers: ["1.1.1.1"], search: ["c"], options: ["x"])
                == "nameserver 1.1.1.1\nsearch c\noptions x\n")
    }
    @Test("hosts names the container and whom it was told of") func hosts() throws {
        let record = try record { config, host in
            config.domainname = "example.org"
            host.extraHosts = ["db:10.1.1.1", "gate:host-gateway"]
        }
        let text = EtcFiles.hosts(
            record, NetworkAttachment(namespacePath: nil, settings: NetworkSettings(), ipv4: "10.0.0.2", gateway: "10.0.0.1"))
        #expect(text.contains("10.1.1.1\tdb\n"))
        #expect(text.contains("10.0.0.1\tgate\n"))
        #expect(text.hasSuffix("10.0.0.2\tbox.example.org box\n"))
    }
}

@Suite("Configuration merged with an image's") struct ConfigMergeTests {
    private let image = ImageConfig.Execution(
        user: "web", env: ["A=1", "B=2"], entrypoint: ["/entry"], cmd: ["serve"], workingDir: "/srv", labels: ["x": "image", "y": "image"])

    private func merge(_ change: (inout ContainerConfig) -> Void) throws(Fault) -> ContainerConfig {
        var config = ContainerConfig()
        change(&config)
        return try ConfigMerge.merge(config, image: image)
    }
    @Test("what nobody says the image says") func presets() throws {
        let merged = try merge { _ in }
        #expect(merged.entrypoint == ["/entry"])
        #expect(merged.cmd == ["serve"])
        #expect(merged.user == "web")
        #expect(merged.workingDir == "/srv")
    }
    @Test("a command replaces the image's and keeps its entrypoint") func command() throws {
        let merged = try merge { $0.cmd = ["debug"] }
        #expect(merged.entrypoint == ["/entry"])
        #expect(merged.cmd == ["debug"])
    }
    @Test("an entrypoint drops the image's command") func entrypoint() throws {
        let merged = try merge { $0.entrypoint = ["/other"] }
        #expect(merged.entrypoint == ["/other"])
        #expect(merged.cmd == nil)
    }
    @Test("an empty entrypoint clears the image's") func cleared() throws {
        let merged = try merge {
            $0.entrypoint = [""]
            $0.cmd = ["ls"]
        }
        #expect(merged.entrypoint == nil)
        #expect(merged.cmd == ["ls"])
    }
    @Test("variables and labels are the image's unless set") func environment() throws {
        let merged = try merge {
            $0.env = ["B=3", "C=4"]
            $0.labels = ["x": "own"]
        }
        #expect(merged.env == ["B=3", "C=4", "A=1"])
        #expect(merged.labels == ["x": "own", "y": "image"])
    }
    @Test("nothing to run is an error") func nothing() {
        #expect(throws: Fault(.invalidArgument, "no command specified")) { try ConfigMerge.merge(ContainerConfig(), image: nil) }
    }
    @Test("a name without a value takes a variable away") func removal() {
        #expect(ConfigMerge.override(["A=1", "B=2"], with: ["A", "B=3", "C=4"]) == ["B=3", "C=4"])
    }
}
