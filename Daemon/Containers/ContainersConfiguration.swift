// ContainersConfiguration owns what the engine's configuration says to containers.
import Faults

/// Where containers live and what they are run with.
package struct ContainersConfiguration: Sendable {
    /// The engine's data root; containers own `containers/` beneath it.
    package var dataRoot: String
    /// The engine's exec root; containers own `containers/` and `runtime/` beneath it.
    package var execRoot: String
    /// The shim's program.
    package var shim: String
    /// OCI runtimes by name.
    package var runtimes: [String: String]
    /// The runtime of containers that name none.
    package var defaultRuntime: String
    /// The cgroup above containers' cgroups, absolute.
    package var cgroupParent = "/cais"
    /// The log driver of containers that name none: `json-file` or `none`.
    package var logDriver = "json-file"
    /// Log options of containers that set none, by docker's names.
    package var logOptions: [String: String] = [:]
    /// Seconds until SIGKILL for containers that set none.
    package var stopTimeoutSeconds = 10
    /// Bytes of /dev/shm for containers that set none.
    package var shmBytes: Int64 = 64 << 20
    /// Name servers for containers that set none.
    package var dns: [String] = []
    /// Resolver options for containers that set none.
    package var dnsOptions: [String] = []
    /// Search domains for containers that set none.
    package var dnsSearch: [String] = []

    /// A configuration with the defaults of the rest.
    package init(dataRoot: String, execRoot: String, shim: String, runtimes: [String: String], defaultRuntime: String) {
        self.dataRoot = dataRoot
        self.execRoot = execRoot
        self.shim = shim
        self.runtimes = runtimes
        self.defaultRuntime = defaultRuntime
    }

    /// Where a container's lasting files are.
    func dataDirectory(_ id: String) -> String { "\(dataRoot)/containers/\(id)" }
    /// A container's OCI bundle.
    func bundle(_ id: String) -> String { "\(execRoot)/containers/\(id)" }
    /// Where a container's file system is mounted.
    func rootfs(_ id: String) -> String { "\(bundle(id))/rootfs" }
    /// The shim's state directory of a container.
    func shimDirectory(_ id: String) -> String { "\(bundle(id))/shim" }
    /// A container's log file.
    func logPath(_ id: String) -> String { "\(dataDirectory(id))/\(id)-json.log" }
    /// The runtimes' state directory.
    var runtimeRoot: String { "\(execRoot)/runtime" }
}
