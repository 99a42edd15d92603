// DevicePlan owns which devices a container sees: their nodes and what its cgroup lets it do.
import CLinux
import EngineAPI
import Faults
import Linux
import OCISpec

/// Devices of a container.
struct DevicePlan: Sendable {
    /// Nodes to make, in addition to those that every container has.
    var nodes: [RuntimeSpec.Linux.Device] = []
    /// Rules, first to last.
    var rules: [RuntimeSpec.Linux.Resources.DeviceRule]

    /// The most nodes that one request may name.
    static let nodesMax = 4_096

    /// Looks at the host's devices.
    /// - Throws: `invalidArgument` for what is no device.
    init(_ host: HostConfig) throws(Fault) {
        if host.privileged {
            rules = [.init(allow: true, access: "rwm")]
            nodes = try DevicePlan.gather("/dev", as: "/dev", skipping: DevicePlan.ownDirectories)
            return
        }
        rules = DevicePlan.defaultRules
        for device in host.devices ?? [] {
            let access = device.cgroupPermissions.isEmpty ? "rwm" : device.cgroupPermissions
            guard ResourceRules.isAccess(access) else {
                throw Fault(.invalidArgument, "invalid device mode: \(access)")
            }
            let inside = device.pathInContainer.isEmpty ? device.pathOnHost : device.pathInContainer
            guard inside.hasPrefix("/") else { throw Fault(.invalidArgument, "\(inside) is not an absolute path") }
            let found = try DevicePlan.find(device.pathOnHost, as: inside)
            nodes += found
            rules += found.map { .init(allow: true, type: $0.type.rawValue, major: $0.major, minor: $0.minor, access: access) }
        }
        for rule in host.deviceCgroupRules ?? [] { rules.append(try ResourceRules.deviceRule(rule)) }
        guard nodes.count <= DevicePlan.nodesMax else { throw Fault(.invalidArgument, "\(nodes.count) devices; at most \(DevicePlan.nodesMax) are allowed") }
    }

    /// Everything is forbidden but the harmless ones; the runtime allows the rest of its own default nodes.
    private static let defaultRules: [RuntimeSpec.Linux.Resources.DeviceRule] = [
        .init(allow: false, access: "rwm"),
        .init(allow: true, type: "c", major: 1, minor: 5, access: "rwm"),
        .init(allow: true, type: "c", major: 1, minor: 3, access: "rwm"),
        .init(allow: true, type: "c", major: 1, minor: 9, access: "rwm"),
        .init(allow: true, type: "c", major: 1, minor: 8, access: "rwm"),
        .init(allow: true, type: "c", major: 5, minor: 0, access: "rwm"),
        .init(allow: true, type: "c", major: 5, minor: 1, access: "rwm"),
        .init(allow: false, type: "c", major: 10, minor: 229, access: "rwm"),
    ]

    /// Directories of /dev that are file systems of the container's own, and nodes that the runtime makes.
    private static let ownDirectories: Set<String> = [
        "pts", "shm", "fd", "mqueue", "console", "tty", "ptmx", "null", "zero", "full", "random", "urandom", ".lxc", ".lxd-mounts", ".udev",
    ]

    private static func find(_ path: String, as inside: String) throws(Fault) -> [RuntimeSpec.Linux.Device] {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw Fault(Errno.current, .invalidArgument, "error gathering device information while adding custom device \"\(path)\"")
        }
        if CInt(bitPattern: status.st_mode) & S_IFMT == S_IFDIR {
            let found = try gather(path, as: inside, skipping: [])
            if !found.isEmpty { return found }
        }
        guard let device = device(status, inside) else {
            throw Fault(.invalidArgument, "error gathering device information while adding custom device \"\(path)\": not a device node")
        }
        return [device]
    }

    private static func gather(_ directory: String, as inside: String, skipping: Set<String>) throws(Fault) -> [RuntimeSpec.Linux.Device] {
        var found: [RuntimeSpec.Linux.Device] = []
        let names = try system("list \(directory)") { () throws(Errno) in try Files.names(in: directory) }
        for name in names.sorted() where !skipping.contains(name) {
            var status = stat()
            guard lstat("\(directory)/\(name)", &status) == 0 else { continue }
            if CInt(bitPattern: status.st_mode) & S_IFMT == S_IFDIR {
                found += try gather("\(directory)/\(name)", as: "\(inside)/\(name)", skipping: [])
            } else if let device = device(status, "\(inside)/\(name)") {
                found.append(device)
            }
            guard found.count <= nodesMax else { return found }
        }
        return found
    }

    private static func device(_ status: stat, _ path: String) -> RuntimeSpec.Linux.Device? {
        let kind: RuntimeSpec.Linux.DeviceKind
        switch CInt(bitPattern: status.st_mode) & S_IFMT {
        case S_IFCHR: kind = .character
        case S_IFBLK: kind = .block
        default: return nil
        }
        return RuntimeSpec.Linux.Device(
            type: kind, path: path, major: Int64(cais_major(UInt64(status.st_rdev))), minor: Int64(cais_minor(UInt64(status.st_rdev))),
            fileMode: UInt32(status.st_mode & 0o7777), uid: status.st_uid, gid: status.st_gid)
    }
}
