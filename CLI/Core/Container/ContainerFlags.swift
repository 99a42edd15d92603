import Faults
import EngineAPI
import Flags

/// The flags of `run` and `create`, by theme. Each of them reaches the engine; those of docker's
/// that this engine does not serve are refused by name.
package enum ContainerFlags {
    /// The flags that `run` and `create` share.
    package static func common() -> [Flag] {
        group("Identity", identity) + group("Streams and terminal", streams) + group("Command and environment", command)
            + group("Files and mounts", files) + group("Network", network) + group("Resources", resources)
            + group("Isolation and security", security) + group("Lifetime and logs", lifetime) + refused
    }

    /// The flags that only `run` has.
    package static func runOnly() -> [Flag] {
        group("Streams and terminal", [
            .bool("detach", short: "d", "Run container in background and print container ID"),
            .string("detach-keys", "Override the key sequence for detaching a container"),
            .bool("sig-proxy", default: true, "Proxy received signals to the process"),
        ])
    }

    private static var identity: [Flag] {
        [
            .string("name", "Assign a name to the container"),
            .string("hostname", short: "h", "Container host name"),
            .string("domainname", "Container NIS domain name"),
            .list("label", short: "l", check: Checks.label, "Set meta data on a container"),
            .list("label-file", candidates: .files, "Read in a line delimited file of labels"),
            .list("annotation", value: "map", "Add an annotation to the container (passed through to the OCI runtime)"),
            .string("cidfile", candidates: .files, "Write the container ID to the file"),
            .string("platform", "Set platform if server is multi-platform capable"),
            .string("pull", default: "missing", candidates: .words(["missing", "never", "always"]), "Pull image before running (\"missing\", \"never\", \"always\")"),
            .bool("quiet", short: "q", "Suppress the pull output"),
        ]
    }

    private static var streams: [Flag] {
        [
            .list("attach", short: "a", candidates: .words(["stdin", "stdout", "stderr"]), check: Checks.attach, "Attach to STDIN, STDOUT or STDERR"),
            .bool("interactive", short: "i", "Keep STDIN open even if not attached"),
            .bool("tty", short: "t", "Allocate a pseudo-TTY"),
        ]
    }

    private static var command: [Flag] {
        [
            .string("entrypoint", "Overwrite the default ENTRYPOINT of the image"),
            .list("env", short: "e", check: Checks.environment, "Set environment variables"),
            .list("env-file", candidates: .files, "Read in a file of environment variables"),
            .string("user", short: "u", "Username or UID (format: <name|uid>[:<group|gid>])"),
            .list("group-add", "Add additional groups to join"),
            .string("workdir", short: "w", "Working directory inside the container"),
        ]
    }

    private static var files: [Flag] {
        [
            .list("volume", short: "v", candidates: .files, "Bind mount a volume"),
            .list("mount", value: "mount", check: { MountFlag.problem($0) }, "Attach a filesystem mount to the container"),
            .list("tmpfs", "Mount a tmpfs directory"),
            .bool("read-only", "Mount the container's root filesystem as read only"),
            .string("shm-size", value: "bytes", check: Checks.size, "Size of /dev/shm"),
            .list("device", check: Checks.device, "Add a host device to the container"),
        ]
    }

    private static var network: [Flag] {
        [
            .list("network", value: "network", aliases: ["net"], candidates: .command("cais network ls --format '{{.Name}}'"), check: NetworkFlags.problem, "Connect a container to a network"),
            .list("publish", short: "p", "Publish a container's port(s) to the host"),
            .bool("publish-all", short: "P", "Publish all exposed ports to random ports"),
            .list("expose", "Expose a port or a range of ports"),
            .string("ip", value: "ip", "IPv4 address (e.g., 172.30.100.104)"),
            .string("ip6", value: "ip", "IPv6 address (e.g., 2001:db8::33)"),
            .string("mac-address", "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
            .list("network-alias", aliases: ["net-alias"], "Add network-scoped alias for the container"),
            .list("add-host", check: Checks.extraHost, "Add a custom host-to-IP mapping (host:ip)"),
            .list("dns", check: Checks.address, "Set custom DNS servers"),
            .list("dns-option", aliases: ["dns-opt"], "Set DNS options"),
            .list("dns-search", "Set custom DNS search domains"),
        ]
    }

    private static var resources: [Flag] {
        [
            .string("memory", short: "m", value: "bytes", check: Checks.size, "Memory limit"),
            .string("memory-reservation", value: "bytes", check: Checks.size, "Memory soft limit"),
            .string("memory-swap", value: "bytes", check: Checks.swap, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
            .int("memory-swappiness", default: -1, "Tune container memory swappiness (0 to 100)"),
            .bool("oom-kill-disable", "Disable OOM Killer"),
            .int("oom-score-adj", "Tune host's OOM preferences (-1000 to 1000)"),
            .string("cpus", value: "decimal", check: Checks.cpus, "Number of CPUs"),
            .int("cpu-shares", short: "c", "CPU shares (relative weight)"),
            .int("cpu-period", "Limit CPU CFS (Completely Fair Scheduler) period"),
            .int("cpu-quota", "Limit CPU CFS (Completely Fair Scheduler) quota"),
            .int("cpu-rt-period", "Limit CPU real-time period in microseconds"),
            .int("cpu-rt-runtime", "Limit CPU real-time runtime in microseconds"),
            .string("cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)"),
            .string("cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)"),
            .int("pids-limit", "Tune container pids limit (set -1 for unlimited)"),
            .uint("blkio-weight", bits: 16, "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"),
            .list("blkio-weight-device", check: { DeviceFlags.weightProblem($0) }, "Block IO weight (relative device weight)"),
            .list("device-read-bps", check: { DeviceFlags.rateProblem($0, bytes: true) }, "Limit read rate (bytes per second) from a device"),
            .list("device-read-iops", check: { DeviceFlags.rateProblem($0, bytes: false) }, "Limit read rate (IO per second) from a device"),
            .list("device-write-bps", check: { DeviceFlags.rateProblem($0, bytes: true) }, "Limit write rate (bytes per second) to a device"),
            .list("device-write-iops", check: { DeviceFlags.rateProblem($0, bytes: false) }, "Limit write rate (IO per second) to a device"),
            .list("ulimit", value: "ulimit", check: { UlimitFlag.problem($0) }, "Ulimit options"),
            .string("cgroup-parent", "Optional parent cgroup for the container"),
        ]
    }

    private static var security: [Flag] {
        [
            .bool("privileged", "Give extended privileges to this container"),
            .list("cap-add", "Add Linux capabilities"),
            .list("cap-drop", "Drop Linux capabilities"),
            .list("security-opt", "Security Options"),
            .list("sysctl", value: "map", check: Checks.sysctl, "Sysctl options"),
            .list("device-cgroup-rule", "Add a rule to the cgroup allowed devices list"),
            .string("ipc", "IPC mode to use"),
            .string("pid", "PID namespace to use"),
            .string("uts", "UTS namespace to use"),
            .string("userns", "User namespace to use"),
            .string("cgroupns", candidates: .words(["host", "private"]), "Cgroup namespace to use (host|private)"),
            .string("runtime", "Runtime to use for this container"),
        ]
    }

    private static var lifetime: [Flag] {
        [
            .bool("rm", "Automatically remove the container and its associated anonymous volumes when it exits"),
            .string("restart", default: "no", candidates: .words(["no", "always", "unless-stopped", "on-failure"]), "Restart policy to apply when a container exits"),
            .string("stop-signal", "Signal to stop the container"),
            .int("stop-timeout", "Timeout (in seconds) to stop a container"),
            .string("log-driver", candidates: .words(["json-file", "none"]), "Logging driver for the container"),
            .list("log-opt", "Log driver options"),
            .bool("no-healthcheck", "Disable any container-specified HEALTHCHECK"),
            .string("health-cmd", "Command that sees whether the container is well"),
            .string("health-interval", value: "duration", check: Checks.duration, "Time between two checks (ms|s|m|h)"),
            .string("health-timeout", value: "duration", check: Checks.duration, "Time that a check may take (ms|s|m|h)"),
            .string("health-start-period", value: "duration", check: Checks.duration, "Time after the start in which failures do not count (ms|s|m|h)"),
            .string("health-start-interval", value: "duration", check: Checks.duration, "Time between two checks in the start period (ms|s|m|h)"),
            .int("health-retries", "Failures in a row that make the container unhealthy"),
        ]
    }

    /// docker's flags that this engine has nothing for: named, so that nobody believes they worked.
    private static var refused: [Flag] {
        let refuse: Flag.Check = { _ in "this engine does not serve it yet" }
        return [
            "gpus", "isolation", "link", "link-local-ip", "storage-opt", "volume-driver", "volumes-from", "cpu-count", "cpu-percent",
            "io-maxbandwidth", "io-maxiops", "kernel-memory",
        ].map { .string($0, hidden: true, check: refuse, "Not served by this engine") }
            + ["init", "use-api-socket"].map { .bool($0, hidden: true, check: refuse, "Not served by this engine") }
    }
}

/// Checks of single values, with docker's words.
enum Checks {
    static func size(_ text: String) -> String? {
        do throws(Fault) { _ = try ByteSize.parse(text) } catch { return error.reason }
        return nil
    }

    static func duration(_ text: String) -> String? {
        do throws(Fault) { _ = try GoDuration.nanoseconds(text) } catch {
            return "time: \(error.reason)"
        }
        return nil
    }

    static func swap(_ text: String) -> String? { text == "-1" ? nil : size(text) }

    static func cpus(_ text: String) -> String? {
        do throws(Fault) { _ = try Cpus.nano(text) } catch { return error.reason }
        return nil
    }

    static func environment(_ text: String) -> String? {
        text.isEmpty || text.hasPrefix("=") ? "invalid environment variable: \(text)" : nil
    }

    static func label(_ text: String) -> String? {
        text.isEmpty || text.hasPrefix("=") ? "invalid label '\(text)': empty name" : nil
    }

    static func attach(_ text: String) -> String? {
        ["stdin", "stdout", "stderr"].contains(text.lowercased()) ? nil : "valid streams are STDIN, STDOUT and STDERR"
    }

    static func device(_ text: String) -> String? { DeviceFlags.mapping(text) == nil ? "bad format for path: \(text)" : nil }

    static func address(_ text: String) -> String? { IPText.isAddress(text) ? nil : "IP address is not correctly formatted: \(text)" }

    /// Only what belongs to a namespace of the container may be set; docker's list.
    static func sysctl(_ text: String) -> String? {
        let name = text.cut("=").before
        let known = ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"].contains { "kernel.\($0)" == name }
        let isNamespaced = known || name.hasPrefix("net.") || name.hasPrefix("fs.mqueue.")
        return text.contains("=") && isNamespaced ? nil : "sysctl '\(text)' is not allowed"
    }

    static func extraHost(_ text: String) -> String? {
        guard let mark = text.firstIndex(where: { $0 == "=" || $0 == ":" }) else { return "bad format for add-host: \(quoted(text))" }
        var address = String(text[text.index(after: mark)...])
        if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
        if text[..<mark].isEmpty { return "bad format for add-host: \(quoted(text))" }
        return address == "host-gateway" || IPText.isAddress(address) ? nil : "invalid IP address in add-host: \(quoted(address))"
    }
}
