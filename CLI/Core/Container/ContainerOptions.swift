import EngineAPI
import Faults
import Flags
import Linux
import OCISpec

/// What the words of `run` and `create` ask the engine for: flags in, request out. Files that
/// flags name are read here; nothing else of the world is touched.
package struct ContainerOptions: Sendable {
    /// The body of the request.
    package let request: ContainerCreateRequest
    /// The name wanted; empty lets the engine choose.
    package let name: String
    /// The platform wanted; empty is the engine's.
    package let platform: String

    /// Reads flags and arguments.
    /// - Throws: `invalidArgument` in docker's words for values that do not fit together.
    package init(_ arguments: Arguments, isDetached: Bool = false) throws(Fault) {
        let pull = arguments.string("pull")
        guard ["missing", "never", "always"].contains(pull) else {
            throw Fault(.invalidArgument, "invalid pull option: '\(pull)': must be one of \"always\", \"missing\" or \"never\"")
        }
        name = arguments.string("name")
        platform = arguments.string("platform")
        var request = ContainerCreateRequest()
        try Self.describeCommand(arguments, isDetached, &request.config)
        try Self.describeHost(arguments, &request.hostConfig)
        try Self.describeMounts(arguments, &request)
        try Self.describePorts(arguments, &request)
        request.networkingConfig.endpointsConfig = try NetworkFlags.endpoints(arguments)
        request.hostConfig.networkMode = NetworkFlags.mode(arguments)
        self.request = request
    }

    private static func describeCommand(_ arguments: Arguments, _ isDetached: Bool, _ config: inout ContainerConfig) throws(Fault) {
        let attach = Set(arguments.strings("attach").map { $0.lowercased() })
        let interactive = arguments.bool("interactive")
        config.image = arguments.positional[0]
        let command = Array(arguments.positional.dropFirst())
        config.cmd = command.isEmpty ? nil : command
        if arguments.isSet("entrypoint") { config.entrypoint = [arguments.string("entrypoint")] }
        config.hostname = arguments.string("hostname")
        config.domainname = arguments.string("domainname")
        config.user = arguments.string("user")
        config.workingDir = arguments.string("workdir")
        config.tty = arguments.bool("tty")
        config.openStdin = interactive
        if !isDetached {
            config.attachStdin = interactive || attach.contains("stdin")
            config.attachStdout = attach.isEmpty || attach.contains("stdout")
            config.attachStderr = attach.isEmpty || attach.contains("stderr")
            config.stdinOnce = interactive && config.attachStdin
        }
        let environment = try EnvironmentFiles.environment(files: arguments.strings("env-file"), given: arguments.strings("env"))
        config.env = environment.isEmpty ? nil : environment
        config.labels = try EnvironmentFiles.labels(files: arguments.strings("label-file"), given: arguments.strings("label"))
        if arguments.isSet("stop-signal") { config.stopSignal = arguments.string("stop-signal") }
        if arguments.isSet("stop-timeout") { config.stopTimeout = arguments.int("stop-timeout") }
        if arguments.isSet("mac-address") { config.macAddress = nil }
        config.healthcheck = try health(arguments)
    }

    private static func health(_ arguments: Arguments) throws(Fault) -> HealthConfig? {
        func time(_ name: String) throws(Fault) -> Int64? {
            guard let text = arguments.optional(name) else { return nil }
            let value = try GoDuration.nanoseconds(text)
            if value < 0 { throw Fault(.invalidArgument, "--\(name) cannot be negative") }
            return value == 0 ? nil : value
        }
        var health = HealthConfig()
        let command = arguments.string("health-cmd")
        if !command.isEmpty { health.test = ["CMD-SHELL", command] }
        health.interval = try time("health-interval")
        health.timeout = try time("health-timeout")
        health.startPeriod = try time("health-start-period")
        health.startInterval = try time("health-start-interval")
        if let retries = arguments.int("health-retries"), retries != 0 {
            if retries < 0 { throw Fault(.invalidArgument, "--health-retries cannot be negative") }
            health.retries = retries
        }
        let isAsked = health != HealthConfig()
        guard arguments.bool("no-healthcheck") else { return isAsked ? health : nil }
        if isAsked { throw Fault(.invalidArgument, "--no-healthcheck conflicts with --health-* options") }
        health.test = ["NONE"]
        return health
    }

    private static func describeHost(_ arguments: Arguments, _ host: inout HostConfig) throws(Fault) {
        host.containerIDFile = arguments.string("cidfile")
        host.autoRemove = arguments.bool("rm")
        host.restartPolicy = try RestartFlag.parse(arguments.string("restart"))
        if host.autoRemove, !["", "no"].contains(host.restartPolicy.name) {
            throw Fault(.invalidArgument, "conflicting options: cannot specify both --restart and --rm")
        }
        host.logConfig.type = arguments.string("log-driver")
        host.logConfig.config = EnvironmentFiles.map(arguments.strings("log-opt"))
        if host.logConfig.type == "none", !host.logConfig.config.isEmpty { throw Fault(.invalidArgument, "invalid logging opts for driver none") }
        let annotations = EnvironmentFiles.map(arguments.strings("annotation"))
        host.annotations = annotations.isEmpty ? nil : annotations
        host.runtime = arguments.string("runtime")
        host.groupAdd = list(arguments, "group-add")
        host.dns = list(arguments, "dns")
        host.dnsOptions = list(arguments, "dns-option")
        host.dnsSearch = list(arguments, "dns-search")
        host.extraHosts = list(arguments, "add-host")?.map(normalizedHost)
        host.consoleSize = Terminal.size(1).map { [$0.height, $0.width] } ?? [0, 0]
        try describeNamespaces(arguments, &host)
        try describeSecurity(arguments, &host)
        try describeResources(arguments, &host)
    }

    private static func describeNamespaces(_ arguments: Arguments, _ host: inout HostConfig) throws(Fault) {
        host.ipcMode = arguments.string("ipc")
        host.pidMode = arguments.string("pid")
        host.utsMode = arguments.string("uts")
        host.usernsMode = arguments.string("userns")
        host.cgroupnsMode = arguments.string("cgroupns")
        let ofContainer = host.pidMode.hasPrefix("container:") && host.pidMode.utf8.count > 10
        guard ["", "host"].contains(host.pidMode) || ofContainer else { throw Fault(.invalidArgument, "--pid: invalid PID mode") }
        guard ["", "host"].contains(host.utsMode) else { throw Fault(.invalidArgument, "--uts: invalid UTS mode") }
        guard ["", "host"].contains(host.usernsMode) else { throw Fault(.invalidArgument, "--userns: invalid USER mode") }
        guard ["", "host", "private"].contains(host.cgroupnsMode) else { throw Fault(.invalidArgument, "--cgroupns: invalid CGROUP mode") }
    }

    private static func describeSecurity(_ arguments: Arguments, _ host: inout HostConfig) throws(Fault) {
        host.privileged = arguments.bool("privileged")
        host.capAdd = CapabilityFlags.names(arguments.strings("cap-add"))
        host.capDrop = CapabilityFlags.names(arguments.strings("cap-drop"))
        host.readonlyRootfs = arguments.bool("read-only")
        let sysctls = EnvironmentFiles.map(arguments.strings("sysctl"))
        host.sysctls = sysctls.isEmpty ? nil : sysctls
        host.deviceCgroupRules = list(arguments, "device-cgroup-rule")
        var options: [String] = []
        for option in arguments.strings("security-opt") {
            if option == "systempaths=unconfined" {
                host.maskedPaths = []
                host.readonlyPaths = []
            } else {
                options.append(try securityOption(option))
            }
        }
        host.securityOpt = options.isEmpty ? nil : options
    }

    /// A seccomp profile travels as its text, since the engine may not see the client's files.
    private static func securityOption(_ option: String) throws(Fault) -> String {
        if option == "no-new-privileges" { return option }
        var (key, value) = option.cut("=")
        if value == nil { (key, value) = option.cut(":") }
        guard let value, !value.isEmpty else { throw Fault(.invalidArgument, "Invalid --security-opt: \(quoted(option))") }
        guard key == "seccomp", value != "unconfined", value != "builtin" else { return option }
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Files.read(value, limit: 4 << 20) } catch {
            throw Fault(.invalidArgument, "opening seccomp profile (\(value)) failed: open \(value): \(error.description.lowercasedFirst)")
        }
        do throws(Fault) { return "seccomp=" + (try JSON.decode(JSONValue.self, from: bytes)).compactText } catch {
            throw Fault(.invalidArgument, "compacting json for seccomp profile (\(value)) failed: \(error.reason)")
        }
    }

    private static func describeResources(_ arguments: Arguments, _ host: inout HostConfig) throws(Fault) {
        host.memory = try bytes(arguments, "memory")
        host.memoryReservation = try bytes(arguments, "memory-reservation")
        host.memorySwap = arguments.string("memory-swap") == "-1" ? -1 : try bytes(arguments, "memory-swap")
        let swappiness = arguments.int("memory-swappiness") ?? -1
        guard (-1...100).contains(swappiness) else { throw Fault(.invalidArgument, "invalid value: \(swappiness). Valid memory swappiness range is 0-100") }
        host.memorySwappiness = Int64(swappiness)
        host.oomKillDisable = arguments.bool("oom-kill-disable")
        host.oomScoreAdj = arguments.int("oom-score-adj") ?? 0
        host.shmSize = try bytes(arguments, "shm-size")
        if arguments.isSet("cpus") { host.nanoCpus = try Cpus.nano(arguments.string("cpus")) }
        host.cpuShares = Int64(arguments.int("cpu-shares") ?? 0)
        host.cpuPeriod = Int64(arguments.int("cpu-period") ?? 0)
        host.cpuQuota = Int64(arguments.int("cpu-quota") ?? 0)
        host.cpuRealtimePeriod = Int64(arguments.int("cpu-rt-period") ?? 0)
        host.cpuRealtimeRuntime = Int64(arguments.int("cpu-rt-runtime") ?? 0)
        host.cpusetCpus = arguments.string("cpuset-cpus")
        host.cpusetMems = arguments.string("cpuset-mems")
        host.pidsLimit = Int64(arguments.int("pids-limit") ?? 0)
        host.cgroupParent = arguments.string("cgroup-parent")
        host.blkioWeight = Int(arguments.uint("blkio-weight") ?? 0)
        host.blkioWeightDevice = try arguments.strings("blkio-weight-device").map { (text) throws(Fault) in try DeviceFlags.weight(text) }
        host.blkioDeviceReadBps = try rates(arguments, "device-read-bps", bytes: true)
        host.blkioDeviceWriteBps = try rates(arguments, "device-write-bps", bytes: true)
        host.blkioDeviceReadIOps = try rates(arguments, "device-read-iops", bytes: false)
        host.blkioDeviceWriteIOps = try rates(arguments, "device-write-iops", bytes: false)
        host.devices = arguments.strings("device").compactMap { DeviceFlags.mapping($0) }
        host.ulimits = try UlimitFlag.all(arguments.strings("ulimit"))
    }

    private static func describeMounts(_ arguments: Arguments, _ request: inout ContainerCreateRequest) throws(Fault) {
        var binds: [String] = []
        var anonymous: [String: EmptyObject] = [:]
        for volume in arguments.strings("volume") {
            guard !volume.isEmpty else { throw Fault(.invalidArgument, "invalid spec: : empty section between colons") }
            let (source, rest) = volume.cut(":")
            if let rest { binds.append(source.hasPrefix(".") ? "\(Paths.absolute(source)):\(rest)" : volume) } else { anonymous[source] = EmptyObject() }
        }
        request.hostConfig.binds = binds.isEmpty ? nil : binds
        request.config.volumes = anonymous
        let mounts = try arguments.strings("mount").map { (text) throws(Fault) in try MountFlag.parse(text) }
        request.hostConfig.mounts = mounts.isEmpty ? nil : mounts
        var tmpfs: [String: String] = [:]
        for text in arguments.strings("tmpfs") {
            let (path, options) = text.cut(":")
            tmpfs[path] = options ?? ""
        }
        request.hostConfig.tmpfs = tmpfs.isEmpty ? nil : tmpfs
    }

    private static func describePorts(_ arguments: Arguments, _ request: inout ContainerCreateRequest) throws(Fault) {
        var ports = PortSpec.Ports()
        for text in arguments.strings("publish") { try PortSpec.publish(text, into: &ports) }
        for text in arguments.strings("expose") { try PortSpec.expose(text, into: &ports) }
        if !ports.exposed.isEmpty {
            request.config.exposedPorts = Dictionary(uniqueKeysWithValues: ports.exposed.map { ($0, EmptyObject()) })
        }
        request.hostConfig.portBindings = ports.bindings.mapValues { $0 }
        request.hostConfig.publishAllPorts = arguments.bool("publish-all")
    }

    private static func list(_ arguments: Arguments, _ flag: String) -> [String]? {
        let values = arguments.strings(flag)
        return values.isEmpty ? nil : values
    }

    private static func bytes(_ arguments: Arguments, _ flag: String) throws(Fault) -> Int64 {
        arguments.isSet(flag) ? try ByteSize.parse(arguments.string(flag)) : 0
    }

    private static func rates(_ arguments: Arguments, _ flag: String, bytes: Bool) throws(Fault) -> [ThrottleDevice] {
        try arguments.strings(flag).map { (text) throws(Fault) in try DeviceFlags.rate(text, bytes: bytes) }
    }

    /// `host=address` is written with a colon on the wire, and brackets around an address go.
    private static func normalizedHost(_ text: String) -> String {
        guard let mark = text.firstIndex(where: { $0 == "=" || $0 == ":" }) else { return text }
        var address = text[text.index(after: mark)...]
        if address.hasPrefix("["), address.hasSuffix("]") { address = address.dropFirst().dropLast() }
        return "\(text[..<mark]):\(address)"
    }
}
