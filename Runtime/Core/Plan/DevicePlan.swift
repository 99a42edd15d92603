// DevicePlan owns which device nodes and links /dev has, as values.
import Faults
import OCISpec

/// One node to make.
struct PlannedDevice: Hashable, Sendable {
    /// What a node is to mknod(2).
    enum Kind: Hashable, Sendable { case character, block, fifo }

    /// Absolute in the container.
    let path: String
    let kind: Kind
    let major: UInt32
    let minor: UInt32
    let mode: UInt32
    let uid: UInt32
    let gid: UInt32
}

/// The devices and links of a container.
struct DevicePlan: Hashable, Sendable {
    let devices: [PlannedDevice]
    /// Name in /dev and what it points to.
    let links: [Link]

    struct Link: Hashable, Sendable {
        let name: String
        let target: String
    }

    /// The specification's default devices and then those of the configuration; nil where /dev is
    /// bound from the host, which is then taken as it is.
    static func make(_ spec: RuntimeSpec, mounts: [PlannedMount]) throws(Fault) -> DevicePlan? {
        let isBound = mounts.contains { mount in
            if case .bind = mount.source { return mount.destination == "/dev" }
            return false
        }
        if isBound { return nil }
        var devices: [PlannedDevice] = defaults
        for device in spec.linux?.devices ?? [] {
            let planned = try make(device)
            devices.removeAll { $0.path == planned.path }
            devices.append(planned)
        }
        return DevicePlan(devices: devices, links: links)
    }

    private static func make(_ device: RuntimeSpec.Linux.Device) throws(Fault) -> PlannedDevice {
        guard device.path.hasPrefix("/") else { throw Fault(.invalidArgument, "device path \"\(device.path)\" is not absolute") }
        let kind: PlannedDevice.Kind
        switch device.type {
        case .character, .unbuffered: kind = .character
        case .block: kind = .block
        case .fifo: kind = .fifo
        }
        let numbers = [device.major ?? 0, device.minor ?? 0]
        guard numbers.allSatisfy({ (0...0xffff_ffff).contains($0) }) else {
            throw Fault(.invalidArgument, "device \(device.path): numbers \(numbers[0]):\(numbers[1]) are out of range")
        }
        return PlannedDevice(
            path: try MountPlan.clean(device.path), kind: kind, major: UInt32(numbers[0]), minor: UInt32(numbers[1]),
            mode: (device.fileMode ?? 0o666) & 0o7777, uid: device.uid ?? 0, gid: device.gid ?? 0)
    }

    /// The devices every container has (config-linux.md, default devices).
    static let defaults: [PlannedDevice] = [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    ].map { PlannedDevice(path: "/dev/\($0.0)", kind: .character, major: $0.1, minor: $0.2, mode: 0o666, uid: 0, gid: 0) }

    static let links: [Link] = [
        Link(name: "fd", target: "/proc/self/fd"), Link(name: "stdin", target: "/proc/self/fd/0"),
        Link(name: "stdout", target: "/proc/self/fd/1"), Link(name: "stderr", target: "/proc/self/fd/2"),
        Link(name: "core", target: "/proc/kcore"),
    ]
}
