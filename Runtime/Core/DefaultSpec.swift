// DefaultSpec owns the config.json that `spec` writes: a shell in namespaces of its own, with no
// more privileges than it needs.
import CLinux
import OCISpec

package enum DefaultSpec {
    private static let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

    /// - Parameter rootless: for the user who runs this, mapped to root in a user namespace.
    package static func make(rootless: Bool) -> RuntimeSpec {
        var spec = RuntimeSpec(
            root: .init(path: "rootfs", readonly: true), process: process, hostname: "cais", mounts: mounts, linux: linux)
        guard rootless else { return spec }
        spec.linux?.namespaces?.removeAll { $0.type == .network }
        spec.linux?.namespaces?.append(.init(type: .user))
        spec.linux?.uidMappings = [.init(containerID: 0, hostID: geteuid(), size: 1)]
        spec.linux?.gidMappings = [.init(containerID: 0, hostID: getegid(), size: 1)]
        spec.linux?.resources = nil
        spec.mounts = mounts.filter { $0.type != "cgroup" && $0.type != "sysfs" }.map { mount in
            var mount = mount
            // Group 5 has no mapping.
            mount.options?.removeAll { $0 == "gid=5" }
            return mount
        }
        spec.mounts?.append(.init(destination: "/sys", type: "none", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", "ro"]))
        return spec
    }

    private static var process: RuntimeSpec.Process {
        .init(
            terminal: true, user: .init(uid: 0, gid: 0), args: ["sh"], env: ["PATH=\(Execution.defaultPath)", "TERM=xterm"], cwd: "/",
            capabilities: .init(bounding: capabilities, effective: capabilities, permitted: capabilities),
            rlimits: [.init(type: "RLIMIT_NOFILE", soft: 1_024, hard: 1_024)], noNewPrivileges: true)
    }

    private static var mounts: [RuntimeSpec.Mount] {
        [
            .init(destination: "/proc", type: "proc", source: "proc"),
            .init(destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            .init(
                destination: "/dev/pts", type: "devpts", source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            .init(destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            .init(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
            .init(destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]),
            .init(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "relatime", "ro"]),
        ]
    }

    private static var linux: RuntimeSpec.Linux {
        .init(
            namespaces: [.init(type: .pid), .init(type: .network), .init(type: .ipc), .init(type: .uts), .init(type: .mount), .init(type: .cgroup)],
            resources: .init(devices: [.init(allow: false, access: "rwm")]),
            maskedPaths: [
                "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/scsi",
                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/devices/virtual/powercap", "/sys/firmware",
            ],
            readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"])
    }
}
