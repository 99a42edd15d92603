// SpecBuilder owns how a container's configuration becomes the OCI specification: a pure function
// of values that others have read.
import EngineAPI
import Faults
import Linux
import OCISpec

/// Everything that a container's specification follows from.
struct SpecInput: Sendable {
    /// What was asked for.
    var record: ContainerRecord
    /// Who runs it.
    var user: ResolvedUser
    /// Where the root file system is mounted.
    var rootfs: String
    /// Its network namespace; nil is the host's.
    var networkNamespace: String?
    /// The cgroup above its own.
    var cgroupParent: String
    /// Its mounts.
    var mounts: [RuntimeSpec.Mount]
    /// Its devices.
    var devices: DevicePlan
    /// The files that the engine writes for it, by their place in the container.
    var files: [String: String]
    /// The machine.
    var facts: HostFacts
}

/// Builds specifications.
enum SpecBuilder {
    /// Paths that say too much or can harm the host.
    static let maskedPaths = [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
        "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
    ]
    /// Paths that may be read only.
    static let readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    /// The search path of containers whose image sets none.
    static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// The specification of a container.
    static func spec(_ input: SpecInput) throws(Fault) -> RuntimeSpec {
        let (config, host) = (input.record.config, input.record.hostConfig)
        let security = try SecurityOptions(host.securityOpt ?? [])
        let hostUTS = host.utsMode == "host"
        return RuntimeSpec(
            ociVersion: "1.0.2", root: RuntimeSpec.Root(path: input.rootfs, readonly: host.readonlyRootfs ? true : nil),
            process: try process(input, security), hostname: hostUTS ? nil : config.hostname,
            domainname: hostUTS || config.domainname.isEmpty ? nil : config.domainname, mounts: mounts(input, security),
            annotations: host.annotations, linux: try linux(input, security))
    }

    // MARK: - Process

    private static func process(_ input: SpecInput, _ security: SecurityOptions) throws(Fault) -> RuntimeSpec.Process {
        let (config, host) = (input.record.config, input.record.hostConfig)
        let size = host.consoleSize
        return RuntimeSpec.Process(
            terminal: config.tty ? true : nil,
            consoleSize: config.tty && size.count == 2 && size[0] > 0 && size[1] > 0
                ? RuntimeSpec.ConsoleSize(height: UInt64(size[0]), width: UInt64(size[1])) : nil,
            user: user(input.user), args: input.record.commandLine,
            env: environment(config, home: input.user.home), cwd: config.workingDir.isEmpty ? "/" : MountPlan.clean(config.workingDir),
            capabilities: try capabilities(host, uid: input.user.uid, facts: input.facts),
            rlimits: (host.ulimits ?? []).isEmpty ? nil : ResourceRules.rlimits(host.ulimits ?? []),
            noNewPrivileges: security.noNewPrivileges ? true : nil, oomScoreAdj: host.oomScoreAdj == 0 ? nil : host.oomScoreAdj)
    }

    private static func user(_ user: ResolvedUser) -> RuntimeSpec.User {
        // The own group is listed too, as login programs do: some look only at the list.
        let groups = user.groups.contains(user.gid) ? user.groups : [user.gid] + user.groups
        return RuntimeSpec.User(uid: user.uid, gid: user.gid, additionalGids: groups)
    }

    private static func environment(_ config: ContainerConfig, home: String) -> [String] {
        var base = [path, "HOSTNAME=\(config.hostname)"]
        if config.tty { base.append("TERM=xterm") }
        let environment = ConfigMerge.override(base, with: config.env ?? [])
        return environment.contains { $0.hasPrefix("HOME=") } ? environment : environment + ["HOME=\(home)"]
    }

    private static func capabilities(_ host: HostConfig, uid: UInt32, facts: HostFacts) throws(Fault) -> RuntimeSpec.Capabilities {
        let names = try ContainerCapabilities.resolve(
            add: host.capAdd ?? [], drop: host.capDrop ?? [], privileged: host.privileged, available: facts.capabilities)
        // Another user than root has none in effect, as after execve(2); inheritable ones would
        // survive where they should not (CVE-2022-24769).
        return uid == 0
            ? RuntimeSpec.Capabilities(bounding: names, effective: names, permitted: names)
            : RuntimeSpec.Capabilities(bounding: names)
    }

    /// The process of an exec: the container's own, changed by the request.
    static func execProcess(
        _ request: ExecCreateRequest, user resolved: ResolvedUser, record: ContainerRecord, facts: HostFacts
    ) throws(Fault) -> RuntimeSpec.Process {
        let (config, host) = (record.config, record.hostConfig)
        let security = try SecurityOptions(host.securityOpt ?? [])
        let names = request.privileged
            ? CapabilitySet.names.filter(facts.capabilities.contains)
            : try ContainerCapabilities.resolve(
                add: host.capAdd ?? [], drop: host.capDrop ?? [], privileged: host.privileged, available: facts.capabilities)
        var base = [path, "HOSTNAME=\(config.hostname)"]
        if request.tty { base.append("TERM=xterm") }
        var environment = ConfigMerge.override(base, with: (config.env ?? []) + (request.env ?? []))
        if !environment.contains(where: { $0.hasPrefix("HOME=") }) { environment.append("HOME=\(resolved.home)") }
        let directory = request.workingDir.isEmpty ? config.workingDir : request.workingDir
        let size = request.consoleSize ?? []
        return RuntimeSpec.Process(
            terminal: request.tty ? true : nil,
            consoleSize: request.tty && size.count == 2 && size[0] > 0 && size[1] > 0
                ? RuntimeSpec.ConsoleSize(height: UInt64(size[0]), width: UInt64(size[1])) : nil,
            user: user(resolved), args: request.cmd ?? [], env: environment, cwd: directory.isEmpty ? "/" : MountPlan.clean(directory),
            capabilities: resolved.uid == 0 || request.privileged
                ? RuntimeSpec.Capabilities(bounding: names, effective: names, permitted: names) : RuntimeSpec.Capabilities(bounding: names),
            rlimits: (host.ulimits ?? []).isEmpty ? nil : ResourceRules.rlimits(host.ulimits ?? []),
            noNewPrivileges: security.noNewPrivileges && !request.privileged ? true : nil)
    }

    // MARK: - Mounts

    private static func mounts(_ input: SpecInput, _ security: SecurityOptions) -> [RuntimeSpec.Mount] {
        let host = input.record.hostConfig
        let own = Set(input.mounts.map(\.destination))
        var mounts = defaultMounts(host, security, ownNetwork: input.networkNamespace != nil).filter { mount in
            // What the container brings itself is not covered, nor is what lies in it.
            !own.contains(mount.destination) && !own.contains { mount.destination.hasPrefix($0 + "/") }
        }
        for (target, source) in input.files.sorted(by: { $0.key < $1.key }) where !own.contains(target) {
            mounts.append(.init(
                destination: target, type: "bind", source: source, options: ["rbind", "rprivate"] + (host.readonlyRootfs ? ["ro"] : [])))
        }
        return mounts + input.mounts
    }

    private static func defaultMounts(_ host: HostConfig, _ security: SecurityOptions, ownNetwork: Bool) -> [RuntimeSpec.Mount] {
        let readOnly = host.privileged ? [] : ["ro"]
        var mounts: [RuntimeSpec.Mount] = [
            .init(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
            .init(destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            .init(
                destination: "/dev/pts", type: "devpts", source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            .init(destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev"] + readOnly),
            .init(
                destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
                options: (security.writableCgroups ? [] : readOnly) + ["nosuid", "noexec", "nodev"]),
            .init(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
        ]
        switch host.ipcMode {
        case "none": break
        case "host":
            mounts.removeAll { $0.destination == "/dev/mqueue" }
            mounts.append(.init(destination: "/dev/mqueue", type: "bind", source: "/dev/mqueue", options: ["rbind", "nosuid", "noexec", "nodev"]))
            mounts.append(.init(destination: "/dev/shm", type: "bind", source: "/dev/shm", options: ["rbind", "nosuid", "noexec", "nodev"]))
        default:
            mounts.append(.init(
                destination: "/dev/shm", type: "tmpfs", source: "shm",
                options: ["nosuid", "noexec", "nodev", "mode=1777", "size=\(host.shmSize)"]))
        }
        return mounts
    }

    // MARK: - Linux

    private static func linux(_ input: SpecInput, _ security: SecurityOptions) throws(Fault) -> RuntimeSpec.Linux {
        let host = input.record.hostConfig
        var sysctls = input.networkNamespace == nil ? [:] : input.facts.networkSysctls
        sysctls.merge(host.sysctls ?? [:]) { $1 }
        return RuntimeSpec.Linux(
            namespaces: namespaces(input), devices: input.devices.nodes.isEmpty ? nil : input.devices.nodes,
            cgroupsPath: cgroupsPath(input), resources: try ResourceRules.resources(host, devices: input.devices.rules, facts: input.facts),
            seccomp: try filter(input, security), sysctl: sysctls.isEmpty ? nil : sysctls,
            maskedPaths: (host.maskedPaths ?? []).isEmpty ? nil : host.maskedPaths,
            readonlyPaths: (host.readonlyPaths ?? []).isEmpty ? nil : host.readonlyPaths)
    }

    private static func namespaces(_ input: SpecInput) -> [RuntimeSpec.Linux.Namespace] {
        let host = input.record.hostConfig
        var list: [RuntimeSpec.Linux.Namespace] = [.init(type: .mount)]
        if let path = input.networkNamespace { list.append(.init(type: .network, path: path)) }
        if host.utsMode != "host" { list.append(.init(type: .uts)) }
        if host.pidMode != "host" { list.append(.init(type: .pid)) }
        if host.ipcMode != "host" { list.append(.init(type: .ipc)) }
        if host.cgroupnsMode == "private" { list.append(.init(type: .cgroup)) }
        return list
    }

    private static func cgroupsPath(_ input: SpecInput) -> String {
        let parent = input.record.hostConfig.cgroupParent.isEmpty ? input.cgroupParent : input.record.hostConfig.cgroupParent
        let cleaned = MountPlan.clean(parent)
        return (cleaned == "/" ? "" : cleaned) + "/" + input.record.id.text
    }

    private static func filter(_ input: SpecInput, _ security: SecurityOptions) throws(Fault) -> RuntimeSpec.Linux.Seccomp? {
        let host = input.record.hostConfig
        let profile: SeccompProfile
        switch security.filter {
        case .none: return nil
        case .engineDefault:
            if host.privileged { return nil }
            profile = .engineDefault
        case .own(let own): profile = own
        }
        let capabilities = try ContainerCapabilities.resolve(
            add: host.capAdd ?? [], drop: host.capDrop ?? [], privileged: host.privileged, available: input.facts.capabilities)
        return profile.resolve(
            capabilities: Set(capabilities), processor: input.facts.processor, kernel: (input.facts.kernel.major, input.facts.kernel.minor))
    }
}
