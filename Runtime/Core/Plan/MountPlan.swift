// MountPlan owns which mounts are made, where and how, as values: no path is resolved here.
import Faults
import Linux
import OCISpec

/// One mount to make.
struct PlannedMount: Hashable, Sendable {
    /// What is put there.
    enum Source: Hashable, Sendable {
        /// A new file system.
        case fileSystem(type: String, source: String?)
        /// A part of the host's tree.
        case bind(path: String, recursive: Bool)
        /// The container's own part of the cgroup hierarchies.
        case cgroup
        /// What is there already gets other properties.
        case remount
    }

    /// The id mapping of the mount: its own, or that of the container's user namespace.
    enum IDMapping: Hashable, Sendable {
        case own(uid: [RuntimeSpec.Linux.IDMapping], gid: [RuntimeSpec.Linux.IDMapping], recursive: Bool)
        /// That of a user namespace which the container joins.
        case joined(path: String, recursive: Bool)

        /// Whether it is for the mounts beneath too.
        var isRecursive: Bool {
            switch self {
            case .own(_, _, let recursive), .joined(_, let recursive): recursive
            }
        }
    }

    /// Absolute in the container, cleaned of `.`, `..` and doubled slashes.
    let destination: String
    let source: Source
    let options: MountOptions
    let idMapping: IDMapping?

    /// Whether read-only has to wait until everything beneath it is in place.
    var isReadOnlyLast: Bool {
        if case .fileSystem(type: "tmpfs", _) = source { return options.set.contains(.readOnly) }
        return false
    }

    /// Whether the host must see mounts made inside: the copy is then taken in the host's namespace.
    var sharesWithHost: Bool { options.propagation.contains { $0.propagation == .shared } }

    /// The sentence's object in errors.
    var name: String {
        switch source {
        case .fileSystem(let type, _): "mount \(type) on \(destination)"
        case .bind(let path, _): "bind \(path) on \(destination)"
        case .cgroup: "mount cgroup on \(destination)"
        case .remount: "remount \(destination)"
        }
    }
}

enum MountPlan {
    /// The mounts of a configuration, in its order.
    static func make(_ spec: RuntimeSpec, bundle: String) throws(Fault) -> [PlannedMount] {
        var plan: [PlannedMount] = []
        for (index, mount) in (spec.mounts ?? []).enumerated() {
            plan.append(try within("mounts[\(index)]") { () throws(Fault) in try make(mount, spec: spec, bundle: bundle) })
        }
        return plan
    }

    private static func make(_ mount: RuntimeSpec.Mount, spec: RuntimeSpec, bundle: String) throws(Fault) -> PlannedMount {
        let destination = try clean(mount.destination)
        var options = MountOptions(mount.options ?? [])
        let source = try self.source(mount, options: options, bundle: bundle)
        try checkInsideProc(destination, source: source)
        if case .fileSystem(let type, _) = source, let label = SecurityLabels.mountParameter(spec.linux?.mountLabel, type: type) {
            options.parameters.append(label)
        }
        return PlannedMount(
            destination: destination, source: source, options: options,
            idMapping: try idMapping(mount, options: options, source: source, linux: spec.linux))
    }

    private static func source(_ mount: RuntimeSpec.Mount, options: MountOptions, bundle: String) throws(Fault) -> PlannedMount.Source {
        if options.remount, case .fileSystem = options.shape { return .remount }
        switch options.shape {
        case .bind(let recursive): return .bind(path: try bindSource(mount, bundle: bundle), recursive: recursive)
        case .fileSystem: break
        }
        switch mount.type {
        case nil, "": throw Fault(.invalidArgument, "mount on \(mount.destination) has neither a type nor bind among its options")
        case "bind": return .bind(path: try bindSource(mount, bundle: bundle), recursive: false)
        case "cgroup", "cgroup2": return .cgroup
        case .some(let type): return .fileSystem(type: type, source: mount.source)
        }
    }

    private static func bindSource(_ mount: RuntimeSpec.Mount, bundle: String) throws(Fault) -> String {
        guard let source = mount.source, !source.isEmpty else {
            throw Fault(.invalidArgument, "bind mount on \(mount.destination) has no source")
        }
        return source.hasPrefix("/") ? source : "\(bundle)/\(source)"
    }

    private static func idMapping(
        _ mount: RuntimeSpec.Mount, options: MountOptions, source: PlannedMount.Source, linux: RuntimeSpec.Linux?
    ) throws(Fault) -> PlannedMount.IDMapping? {
        let mapping = try idMapping(mount, options: options, linux: linux)
        switch source {
        case .fileSystem, .bind: return mapping
        case .cgroup, .remount:
            guard mapping == nil else { throw Fault(.unsupported, "idmap of the mount on \(mount.destination): it is for new mounts, and not for cgroups") }
            return nil
        }
    }

    private static func idMapping(
        _ mount: RuntimeSpec.Mount, options: MountOptions, linux: RuntimeSpec.Linux?
    ) throws(Fault) -> PlannedMount.IDMapping? {
        let (uid, gid) = (mount.uidMappings ?? [], mount.gidMappings ?? [])
        guard uid.isEmpty == gid.isEmpty else {
            throw Fault(.invalidArgument, "uidMappings and gidMappings of the mount on \(mount.destination) must be given together")
        }
        var recursive = false
        if case .mapped(let deep) = options.idMapping { recursive = deep }
        if !uid.isEmpty { return .own(uid: uid, gid: gid, recursive: recursive) }
        guard options.idMapping != .none else { return nil }
        // The words without mappings of the mount's own mean those of the container's user namespace.
        if let path = linux?.namespaces?.first(where: { $0.type == .user })?.path, !path.isEmpty { return .joined(path: path, recursive: recursive) }
        guard let uid = linux?.uidMappings, let gid = linux?.gidMappings, !uid.isEmpty, !gid.isEmpty else {
            throw Fault(.invalidArgument, "idmap of the mount on \(mount.destination) needs mappings or a user namespace with them")
        }
        return .own(uid: uid, gid: gid, recursive: recursive)
    }

    /// An absolute path without `.`, `..`, doubled or trailing slashes; a relative one counts from `/`.
    static func clean(_ path: String) throws(Fault) -> String {
        guard !path.utf8.contains(0) else { throw Fault(.invalidArgument, "path with a NUL byte") }
        if isClean(path) { return path }
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        guard !parts.isEmpty else { throw Fault(.invalidArgument, "mount destination \"\(path)\" is the root itself") }
        return "/" + parts.joined(separator: "/")
    }

    /// Whether a path is as `clean` would leave it: most are, and taking one apart is the dear way to find out.
    private static func isClean(_ path: String) -> Bool {
        let slash = UInt8(ascii: "/")
        let dot = UInt8(ascii: ".")
        // Whether a part begins with the next byte.
        var begins = false
        var first = true
        for byte in path.utf8 {
            if first {
                guard byte == slash else { return false }
                (first, begins) = (false, true)
                continue
            }
            // Empty parts, and parts that begin with a dot, are looked at closely.
            if begins && (byte == slash || byte == dot) { return false }
            begins = byte == slash
        }
        return !first && !begins
    }

    /// Files of /proc that may be covered: each tells about the machine and none is written by the runtime.
    static let coverableProcFiles = [
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
        "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
    ]

    private static func checkInsideProc(_ destination: String, source: PlannedMount.Source) throws(Fault) {
        if source == .remount { return }
        if destination == "/proc" {
            switch source {
            case .fileSystem(type: "proc", _), .bind: return
            case .fileSystem, .cgroup, .remount: throw Fault(.invalidArgument, "only proc can be mounted on /proc")
            }
        }
        if destination.hasPrefix("/proc/") && !coverableProcFiles.contains(destination) {
            throw Fault(.invalidArgument, "\"\(destination)\" cannot be mounted because it is inside /proc")
        }
    }
}
