// HostRules owns which host configurations are accepted: every field is honoured elsewhere, or
// refused here with a text that names it; none is silently ignored.
import EngineAPI
import Faults
import Lifecycle

/// Fills in and judges the host's half of a request.
enum HostRules {
    /// The least memory limit that anything runs in.
    static let memoryMin: Int64 = 6 << 20

    /// Fills in what the engine's configuration and docker's defaults say.
    static func fill(_ host: inout HostConfig, _ configuration: ContainersConfiguration, _ facts: HostFacts) {
        if host.networkMode.isEmpty || host.networkMode == "default" { host.networkMode = "bridge" }
        if host.ipcMode.isEmpty { host.ipcMode = "private" }
        if host.cgroupnsMode.isEmpty { host.cgroupnsMode = facts.cgroupV2 ? "private" : "host" }
        if host.shmSize == 0 { host.shmSize = configuration.shmBytes }
        if host.restartPolicy.name.isEmpty { host.restartPolicy.name = "no" }
        if host.runtime.isEmpty { host.runtime = configuration.defaultRuntime }
        if host.logConfig.type.isEmpty || host.logConfig.type == "default" {
            host.logConfig.type = configuration.logDriver
            if host.logConfig.type == configuration.logDriver {
                host.logConfig.config = configuration.logOptions.merging(host.logConfig.config) { $1 }
            }
        }
        if host.memory > 0 && host.memorySwap == 0 { host.memorySwap = host.memory * 2 }
        if host.consoleSize.count != 2 { host.consoleSize = [0, 0] }
        if let swappiness = host.memorySwappiness, swappiness == -1 { host.memorySwappiness = nil }
        if host.privileged {
            host.maskedPaths = []
            host.readonlyPaths = []
        }
        if host.maskedPaths == nil { host.maskedPaths = SpecBuilder.maskedPaths + facts.thermalPaths }
        if host.readonlyPaths == nil { host.readonlyPaths = SpecBuilder.readonlyPaths }
    }

    /// Judges a filled-in configuration and returns warnings for the client.
    /// - Throws: `invalidArgument` or `unsupported`, naming the field.
    static func check(_ host: HostConfig, _ config: ContainerConfig, _ configuration: ContainersConfiguration, _ facts: HostFacts) throws(Fault) -> [String] {
        try checkUnsupported(host, config)
        try checkModes(host)
        try checkPolicy(host)
        try checkNetwork(host, config)
        guard configuration.runtimes[host.runtime] != nil else {
            throw Fault(.invalidArgument, "unknown or invalid runtime name: \(host.runtime)")
        }
        try HealthPlan.check(config.healthcheck)
        _ = try LogPlan(host.logConfig)
        _ = try SecurityOptions(host.securityOpt ?? [])
        _ = try ContainerCapabilities.resolve(
            add: host.capAdd ?? [], drop: host.capDrop ?? [], privileged: host.privileged, available: facts.capabilities)
        if let signal = config.stopSignal, !signal.isEmpty { _ = try Signals.parse(signal) }
        guard (-1000...1000).contains(host.oomScoreAdj) else {
            throw Fault(.invalidArgument, "Invalid value \(host.oomScoreAdj), range for oom score adj is [-1000, 1000]")
        }
        guard host.shmSize >= 0 else { throw Fault(.invalidArgument, "SHM size can not be less than 0") }
        if !config.workingDir.isEmpty && !config.workingDir.hasPrefix("/") {
            throw Fault(.invalidArgument, "the working directory '\(config.workingDir)' is invalid, it needs to be an absolute path")
        }
        guard config.hostname.utf8.count <= 64 else { throw Fault(.invalidArgument, "invalid hostname: \(config.hostname): more than 64 characters") }
        try checkEnvironment(config.env ?? [])
        for entry in host.annotations ?? [:] where entry.key.isEmpty {
            throw Fault(.invalidArgument, "invalid Annotations: the empty string is not permitted as an annotation key")
        }
        try ResourceRules.checkUlimits(host.ulimits ?? [])
        try ResourceRules.checkSysctls(host.sysctls ?? [:], host)
        return try ResourceRules.check(host, facts) + warnings(host)
    }

    private static func checkUnsupported(_ host: HostConfig, _ config: ContainerConfig) throws(Fault) {
        func refuse(_ present: Bool, _ text: String) throws(Fault) {
            if present { throw Fault(.unsupported, text) }
        }
        try refuse(!(host.volumesFrom ?? []).isEmpty, "HostConfig.VolumesFrom: volumes are not supported by this engine yet")
        try refuse(!host.volumeDriver.isEmpty && host.volumeDriver != "local", "HostConfig.VolumeDriver \(host.volumeDriver): volume drivers are not supported")
        try refuse(!(host.links ?? []).isEmpty, "HostConfig.Links: legacy links are not supported; use a network with aliases")
        try refuse(!(host.storageOpt ?? [:]).isEmpty, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
        try refuse(!(host.deviceRequests ?? []).isEmpty, "HostConfig.DeviceRequests: no device driver is known to this engine")
        try refuse(host.initProcess == true, "HostConfig.Init: this engine brings no init program for containers yet")
        try refuse(host.kernelMemoryTCP ?? 0 > 0, "HostConfig.KernelMemoryTCP: limits of kernel memory for TCP are not supported")
        try refuse(
            host.cpuCount != 0 || host.cpuPercent != 0 || host.ioMaximumIOps != 0 || host.ioMaximumBandwidth != 0,
            "HostConfig.CpuCount, CpuPercent, IOMaximumIOps and IOMaximumBandwidth are for Windows only")
        guard ["", "default"].contains(host.isolation) else {
            throw Fault(.invalidArgument, "invalid isolation '\(host.isolation)' on linux")
        }
        guard host.cgroup.isEmpty else { throw Fault(.invalidArgument, "HostConfig.Cgroup must be empty on linux") }
    }

    private static func checkModes(_ host: HostConfig) throws(Fault) {
        func check(_ name: String, _ value: String, _ allowed: Set<String>) throws(Fault) {
            if value.hasPrefix("container:") {
                throw Fault(.unsupported, "HostConfig.\(name) \(value): sharing namespaces of another container is not supported by this engine yet")
            }
            guard allowed.contains(value) else { throw Fault(.invalidArgument, "invalid \(name): \(value)") }
        }
        try check("IpcMode", host.ipcMode, ["private", "shareable", "none", "host"])
        try check("PidMode", host.pidMode, ["", "private", "host"])
        try check("UTSMode", host.utsMode, ["", "private", "host"])
        try check("UsernsMode", host.usernsMode, ["", "host"])
        try check("CgroupnsMode", host.cgroupnsMode, ["private", "host"])
    }

    private static func checkPolicy(_ host: HostConfig) throws(Fault) {
        let policy = host.restartPolicy
        switch policy.name {
        case "no", "always", "unless-stopped":
            guard policy.maximumRetryCount == 0 else {
                throw Fault(.invalidArgument, "invalid restart policy: maximum retry count can only be used with 'on-failure'")
            }
        case "on-failure":
            guard policy.maximumRetryCount >= 0 else {
                throw Fault(.invalidArgument, "invalid restart policy: maximum retry count cannot be negative")
            }
        default:
            throw Fault(
                .invalidArgument,
                "invalid restart policy: unknown policy '\(policy.name)'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'")
        }
        guard !host.autoRemove || policy.name == "no" else {
            throw Fault(.invalidArgument, "can't create 'AutoRemove' container with restart policy")
        }
    }

    private static func checkNetwork(_ host: HostConfig, _ config: ContainerConfig) throws(Fault) {
        if host.networkMode.hasPrefix("container:") {
            throw Fault(.unsupported, "HostConfig.NetworkMode \(host.networkMode): sharing the network of another container is not supported by this engine yet")
        }
        for port in (host.portBindings ?? [:]).keys.sorted() + (config.exposedPorts ?? [:]).keys.sorted() {
            guard PortName.isValid(port) else { throw Fault(.invalidArgument, "invalid port specification: \"\(port)\"") }
        }
        for (port, bindings) in host.portBindings ?? [:] {
            for case let binding? in bindings ?? [] where !binding.hostPort.isEmpty {
                guard PortName.isHostPort(binding.hostPort) else {
                    throw Fault(.invalidArgument, "invalid port specification: \"\(binding.hostPort)\" for \(port)")
                }
            }
        }
        for host in host.extraHosts ?? [] {
            guard let separator = host.firstIndex(where: { $0 == ":" || $0 == "=" }), separator != host.startIndex,
                host.index(after: separator) < host.endIndex
            else { throw Fault(.invalidArgument, "bad format for add-host: \"\(host)\"") }
            let address = host[host.index(after: separator)...]
            guard address == "host-gateway" || EtcFiles.isAddress(String(address)) else {
                throw Fault(.invalidArgument, "invalid IP address in add-host: \"\(address)\"")
            }
        }
        for server in host.dns ?? [] where !EtcFiles.isAddress(server) {
            throw Fault(.invalidArgument, "bad nameserver address: \(server)")
        }
        for text in (host.dnsSearch ?? []) + (host.dnsOptions ?? []) where text.utf8.contains(where: { $0 < 0x20 }) {
            throw Fault(.invalidArgument, "HostConfig.DnsSearch and DnsOptions cannot hold control characters")
        }
    }

    private static func checkEnvironment(_ environment: [String]) throws(Fault) {
        for entry in environment {
            guard let first = entry.utf8.first, first != UInt8(ascii: "=") else {
                throw Fault(.invalidArgument, "invalid environment variable: \(entry.isEmpty ? "\"\"" : entry)")
            }
            guard !entry.utf8.contains(0) else { throw Fault(.invalidArgument, "Config.Env cannot hold a zero byte") }
        }
    }

    private static func warnings(_ host: HostConfig) -> [String] {
        var warnings: [String] = []
        if host.kernelMemory ?? 0 > 0 { warnings.append("Specifying a kernel memory limit is deprecated and has no effect.") }
        if host.networkMode == "host", !(host.portBindings ?? [:]).isEmpty {
            warnings.append("Published ports are discarded when using host network mode")
        }
        return warnings
    }

    /// The restart policy, as the shim knows it.
    static func restartPolicy(_ config: RestartPolicyConfig) -> RestartPolicy {
        switch config.name {
        case "always": .always
        case "unless-stopped": .unlessStopped
        case "on-failure": .onFailure(retriesMax: config.maximumRetryCount)
        default: .no
        }
    }
}

/// Ports as docker writes them: `80/tcp`.
enum PortName {
    /// Whether it is a port, or a range of ports, of a known protocol.
    static func isValid(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count) else { return false }
        if parts.count == 2, !["tcp", "udp", "sctp"].contains(parts[1].lowercased()) { return false }
        return isHostPort(String(parts[0]))
    }

    /// Whether it is a number of a port or a range of them.
    static func isHostPort(_ text: String) -> Bool {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard (1...2).contains(ends.count), let first = ends[0] else { return false }
        guard ends.count == 2 else { return true }
        guard let last = ends[1] else { return false }
        return first <= last
    }
}
