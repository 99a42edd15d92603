// SystemFacts owns what /version and /info tell: what was configured, and what the kernel says when asked.
import CLinux
import Containers
import EngineAPI
import Faults

/// The engine and its machine.
package struct SystemFacts: Sendable {
    /// The engine's ID, the same for the life of its data root.
    package var engineID: String
    /// The engine's version.
    package var version: String
    /// The commit it was built from; empty when unknown.
    package var commit: String
    /// When it was built; empty when unknown.
    package var buildTime: String
    /// Where it keeps its data.
    package var dataRoot: String
    /// OCI runtimes by name.
    package var runtimes: [String: String]
    /// The runtime of containers that name none.
    package var defaultRuntime: String
    /// The log driver of containers that name none.
    package var logDriver: String
    /// Labels of the engine.
    package var labels: [String]
    /// Whether it logs at level debug, now.
    package var isDebugging: @Sendable () -> Bool
    /// The type of the file system below the data root; it stays the same while the engine runs.
    private let fileSystem: String

    /// These facts.
    package init(
        engineID: String, version: String, commit: String = "", buildTime: String = "", dataRoot: String, runtimes: [String: String],
        defaultRuntime: String, logDriver: String, labels: [String] = [], isDebugging: @escaping @Sendable () -> Bool
    ) {
        self.engineID = engineID
        self.version = version
        self.commit = commit
        self.buildTime = buildTime
        self.dataRoot = dataRoot
        self.runtimes = runtimes
        self.defaultRuntime = defaultRuntime
        self.logDriver = logDriver
        self.labels = labels
        self.isDebugging = isDebugging
        fileSystem = Machine.fileSystem(of: dataRoot)
    }

    // MARK: - /version

    func systemVersion() -> SystemVersion {
        let machine = Machine.current()
        var answer = SystemVersion()
        answer.platform = PlatformName(name: "Cais")
        answer.version = version
        answer.apiVersion = APIVersion.current.description
        answer.minAPIVersion = APIVersion.minimum.description
        answer.gitCommit = commit
        answer.os = "linux"
        answer.arch = machine.imageArchitecture
        answer.kernelVersion = machine.kernelRelease
        answer.buildTime = buildTime
        answer.components = [
            ComponentVersion(
                name: "Engine", version: version,
                details: [
                    "ApiVersion": answer.apiVersion, "MinAPIVersion": answer.minAPIVersion, "Arch": answer.arch, "Os": answer.os,
                    "KernelVersion": answer.kernelVersion, "GitCommit": commit, "BuildTime": buildTime, "Experimental": "false",
                    "GoVersion": "",
                ])
        ]
        return answer
    }

    // MARK: - /info

    func systemInfo(_ services: Services) -> SystemInfo {
        let machine = Machine.current()
        var answer = SystemInfo()
        describeMachine(machine, &answer)
        describeEngine(machine, &answer)
        let counts = services.containers.counts()
        answer.containers = counts.total
        answer.containersRunning = counts.running
        answer.containersPaused = counts.paused
        answer.containersStopped = counts.stopped
        answer.images = services.images.count
        answer.nEventsListener = services.events.listenerCount
        return answer
    }

    private func describeMachine(_ machine: Machine, _ answer: inout SystemInfo) {
        answer.name = machine.hostName
        answer.kernelVersion = machine.kernelRelease
        answer.operatingSystem = machine.distribution
        answer.osVersion = machine.distributionVersion
        answer.osType = "linux"
        answer.architecture = machine.architecture
        answer.ncpu = machine.cpuCount
        answer.memTotal = machine.memoryBytes
        answer.cgroupDriver = "cgroupfs"
        answer.cgroupVersion = machine.hasUnifiedCgroups ? "2" : "1"
        answer.memoryLimit = machine.hasController("memory")
        answer.swapLimit = machine.accountsSwap
        answer.oomKillDisable = !machine.hasUnifiedCgroups && answer.memoryLimit
        answer.cpuCfsPeriod = machine.hasController("cpu")
        answer.cpuCfsQuota = answer.cpuCfsPeriod
        answer.cpuShares = answer.cpuCfsPeriod
        answer.cpuSet = machine.hasController("cpuset")
        answer.pidsLimit = machine.hasController("pids")
        answer.ipv4Forwarding = machine.forwardsIPv4
        answer.warnings = [
            answer.memoryLimit ? nil : "WARNING: No memory limit support", answer.swapLimit ? nil : "WARNING: No swap limit support",
            answer.cpuShares ? nil : "WARNING: No cpu shares support", answer.cpuSet ? nil : "WARNING: No cpuset support",
            answer.pidsLimit ? nil : "WARNING: No pids limit support", answer.ipv4Forwarding ? nil : "WARNING: IPv4 forwarding is disabled",
        ].compactMap { $0 }
    }

    private func describeEngine(_ machine: Machine, _ answer: inout SystemInfo) {
        answer.id = engineID
        answer.serverVersion = version
        answer.dockerRootDir = dataRoot
        answer.driver = "overlay2"
        answer.driverStatus = [["Backing Filesystem", fileSystem]]
        answer.plugins.network = ["bridge", "host", "null"]
        answer.plugins.log = ["json-file", "none"]
        answer.loggingDriver = logDriver
        answer.runtimes = runtimes.mapValues { path in
            var runtime = RuntimeInfo()
            runtime.path = path
            return runtime
        }
        answer.defaultRuntime = defaultRuntime
        answer.liveRestoreEnabled = true
        answer.debug = isDebugging()
        answer.systemTime = Timestamp.now().description
        answer.nFd = Machine.entryCount("/proc/self/fd")
        answer.nGoroutines = Machine.entryCount("/proc/self/task")
        answer.swarm.localNodeState = "inactive"
        answer.securityOptions = ["name=seccomp,profile=builtin"] + (machine.hasUnifiedCgroups ? ["name=cgroupns"] : [])
        answer.labels = labels
        answer.registryConfig = RegistryServiceConfig()
        answer.runcCommit.id = commit
        answer.containerdCommit.id = commit
    }
}
