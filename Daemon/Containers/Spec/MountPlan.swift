// MountPlan owns what a container sees besides its image: binds and tmpfs, from docker's four ways
// of asking for them.
import CLinux
import EngineAPI
import Faults
import Linux
import OCISpec

/// The mounts that a request asks for, read and judged.
struct MountPlan: Sendable {
    /// One mount.
    struct Entry: Sendable, Hashable {
        /// For the runtime.
        var mount: RuntimeSpec.Mount
        /// For listings.
        var point: MountPoint?
        /// Whether a missing source is made as a directory.
        var makesSource = false
    }

    /// In the order of their targets, so that a parent is there before its child.
    private(set) var entries: [Entry] = []
    /// What the client is told.
    private(set) var warnings: [String] = []

    /// The most mounts of one container.
    static let entriesMax = 512

    /// Reads a request.
    /// - Parameter own: the request's own configuration, before the image's was merged in.
    /// - Throws: `invalidArgument` in docker's words, `unsupported` for volumes.
    init(_ host: HostConfig, own: ContainerConfig, image: ImageConfig.Execution?) throws(Fault) {
        for bind in host.binds ?? [] { entries.append(try MountPlan.bind(bind)) }
        for mount in host.mounts ?? [] { entries.append(try MountPlan.mount(mount)) }
        for (target, options) in (host.tmpfs ?? [:]).sorted(by: { $0.key < $1.key }) { entries.append(try MountPlan.tmpfs(target, options)) }
        let targets = Set(entries.map(\.mount.destination))
        guard targets.count == entries.count else {
            var seen: Set<String> = []
            let twice = entries.first { !seen.insert($0.mount.destination).inserted }
            throw Fault(.invalidArgument, "Duplicate mount point: \(twice?.mount.destination ?? "")")
        }
        if let path = (own.volumes ?? [:]).keys.sorted().first(where: { !targets.contains(MountPlan.clean($0)) }) {
            throw Fault(.unsupported, "anonymous volume \(path): volumes are not supported by this engine yet; use a bind mount or --tmpfs")
        }
        for path in (image?.volumes ?? [:]).keys.sorted() where !targets.contains(MountPlan.clean(path)) {
            warnings.append("the image declares a volume at \(path); it is kept in the container's own writable layer")
        }
        guard entries.count <= MountPlan.entriesMax else {
            throw Fault(.invalidArgument, "\(entries.count) mounts; at most \(MountPlan.entriesMax) are allowed")
        }
        entries.sort { MountPlan.depth($0.mount.destination) < MountPlan.depth($1.mount.destination) }
    }

    /// Makes missing sources and checks that the others are there.
    func prepareSources() throws(Fault) {
        for entry in entries {
            guard entry.mount.type == "bind", let source = entry.mount.source, !Files.isThere(source) else { continue }
            guard entry.makesSource else {
                throw Fault(.invalidArgument, "invalid mount config for type \"bind\": bind source path does not exist: \(source)")
            }
            try system("make the mount's source \(source)") { () throws(Errno) in try Files.makeDirectories(source) }
        }
    }

    /// Makes the mount points of tmpfs that name no mode, writable for everybody: runtimes take the
    /// mode over from the mount point, with every start again.
    func prepareMountPoints(in rootfs: String) throws(Fault) {
        let open = entries.map(\.mount).filter { mount in
            mount.type == "tmpfs" && !(mount.options ?? []).contains { $0.hasPrefix("mode=") }
        }
        guard !open.isEmpty else { return }
        let root = try system("open \(rootfs)") { () throws(Errno) in try Files.open(rootfs, flags: O_PATH | O_DIRECTORY) }
        for mount in open {
            do throws(Errno) { try Files.makeDirectory(mount.destination, beneath: root, mode: 0o1777) } catch {
                throw Fault(error, .invalidArgument, "make the mount point \(mount.destination)")
            }
        }
    }

    // MARK: - The four ways

    /// `source:target[:options]`.
    private static func bind(_ text: String) throws(Fault) -> Entry {
        let invalid = Fault(.invalidArgument, "invalid volume specification: '\(text)'")
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (1...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { throw invalid }
        guard parts.count > 1 else {
            throw Fault(.unsupported, "anonymous volume \(text): volumes are not supported by this engine yet; use a bind mount or --tmpfs")
        }
        let target = try checkedTarget(parts[1], text)
        var readOnly = false
        var propagation = ""
        for option in parts.count > 2 ? parts[2].split(separator: ",", omittingEmptySubsequences: false).map(String.init) : [] {
            switch option {
            case "ro": readOnly = true
            case "rw", "z", "Z", "nocopy", "consistent", "cached", "delegated": break  // labels need an LSM that is not here; the rest is for other platforms
            case "shared", "rshared", "slave", "rslave", "private", "rprivate": propagation = option
            default: throw Fault(.invalidArgument, "invalid mode: \(parts[2])")
            }
        }
        guard parts[0].hasPrefix("/") else {
            guard ResourceName.isValid(parts[0]) else {
                throw Fault(.invalidArgument, "create \(parts[0]): \"\(parts[0])\" includes invalid characters for a local volume name. If you intended to pass a host directory, use absolute path")
            }
            throw Fault(.unsupported, "volume \(parts[0]): named volumes are not supported by this engine yet; use a bind mount")
        }
        var entry = try bindEntry(
            source: clean(parts[0]), target: target, readOnly: readOnly, propagation: propagation, mode: parts.count > 2 ? parts[2] : "")
        entry.makesSource = true
        return entry
    }

    /// `--mount`.
    private static func mount(_ request: MountRequest) throws(Fault) -> Entry {
        let target = try checkedTarget(request.target, request.target)
        switch request.type {
        case "bind":
            guard request.volumeOptions == nil, request.tmpfsOptions == nil, request.imageOptions == nil else {
                throw invalidMount("bind", "options of another mount type")
            }
            guard request.source.hasPrefix("/") else {
                throw invalidMount("bind", request.source.isEmpty ? "field Source must not be empty" : "mount path must be absolute")
            }
            let options = request.bindOptions
            let propagation = options?.propagation ?? ""
            guard ["", "private", "rprivate", "shared", "rshared", "slave", "rslave"].contains(propagation) else {
                throw invalidMount("bind", "invalid propagation mode: \(propagation)")
            }
            var entry = try bindEntry(
                source: clean(request.source), target: target, readOnly: request.readOnly, propagation: propagation, mode: "",
                recursive: !(options?.nonRecursive ?? false), readOnlyRecursive: !(options?.readOnlyNonRecursive ?? false))
            entry.makesSource = options?.createMountpoint ?? false
            return entry
        case "tmpfs":
            guard request.source.isEmpty else { throw invalidMount("tmpfs", "field Source must not be specified") }
            var options: [String] = []
            if request.readOnly { options.append("ro") }
            if let size = request.tmpfsOptions?.sizeBytes, size != 0 {
                guard size > 0 else { throw invalidMount("tmpfs", "invalid size \(size)") }
                options.append("size=\(size)")
            }
            if let mode = request.tmpfsOptions?.mode, mode != 0 { options.append("mode=\(String(mode, radix: 8))") }
            options += (request.tmpfsOptions?.options ?? []).map { $0.joined(separator: "=") }
            return try tmpfs(request.target, options.joined(separator: ","))
        case "volume", "cluster", "image", "npipe":
            throw Fault(.unsupported, "mount type \(request.type) at \(request.target): only bind and tmpfs are supported by this engine yet")
        default: throw Fault(.invalidArgument, "invalid mount config for type \"\(request.type)\": mount type unknown")
        }
    }

    /// `--tmpfs target:options`.
    private static func tmpfs(_ target: String, _ options: String) throws(Fault) -> Entry {
        let target = try checkedTarget(target, target)
        var flags = ["nosuid": true, "nodev": true, "noexec": true]
        var data: [String] = []
        var readOnly = false
        for option in options.split(separator: ",").map(String.init) {
            let name = option.split(separator: "=", maxSplits: 1).first.map(String.init) ?? ""
            switch option {
            case "exec", "suid", "dev": flags["no" + option] = false
            case "noexec", "nosuid", "nodev": flags[option] = true
            case "ro": readOnly = true
            case "rw", "defaults": readOnly = false
            case "sync", "async", "dirsync", "atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime",
                "nostrictatime", "mand", "nomand", "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable":
                data.append(option)
            default:
                guard ["mode", "uid", "gid", "size", "nr_inodes", "nr_blocks", "mpol"].contains(name), option.contains("=") else {
                    throw Fault(.invalidArgument, "Invalid tmpfs option [\"\(option)\"]")
                }
                data.append(option)
            }
        }
        let set = ["nosuid", "nodev", "noexec"].filter { flags[$0] == true }
        let mount = RuntimeSpec.Mount(
            destination: target, type: "tmpfs", source: "tmpfs", options: set + data + (readOnly ? ["ro"] : []))
        return Entry(mount: mount, point: nil)
    }

    private static func bindEntry(
        source: String, target: String, readOnly: Bool, propagation: String, mode: String, recursive: Bool = true,
        readOnlyRecursive: Bool = true
    ) throws(Fault) -> Entry {
        var options = [recursive ? "rbind" : "bind"]
        // Read-only means what is mounted beneath as well, unless somebody says otherwise.
        if readOnly { options += readOnlyRecursive && recursive ? ["ro", "rro"] : ["ro"] }
        options.append(propagation.isEmpty ? "rprivate" : propagation)
        var point = MountPoint()
        point.type = "bind"
        point.source = source
        point.destination = target
        point.mode = mode
        point.rw = !readOnly
        point.propagation = propagation.isEmpty ? "rprivate" : propagation
        return Entry(mount: RuntimeSpec.Mount(destination: target, type: "bind", source: source, options: options), point: point)
    }

    // MARK: - Paths

    private static func invalidMount(_ type: String, _ why: String) -> Fault {
        Fault(.invalidArgument, "invalid mount config for type \"\(type)\": \(why)")
    }

    private static func checkedTarget(_ target: String, _ whole: String) throws(Fault) -> String {
        guard target.hasPrefix("/") else {
            throw Fault(.invalidArgument, "invalid volume specification: '\(whole)': invalid mount path: '\(target)' mount path must be absolute")
        }
        let cleaned = clean(target)
        guard cleaned != "/" else { throw Fault(.invalidArgument, "invalid volume specification: '\(whole)': destination can't be '/'") }
        guard !target.utf8.contains(0) else { throw Fault(.invalidArgument, "a mount's target cannot hold a zero byte") }
        return cleaned
    }

    /// An absolute path without empty parts, `.` and `..`.
    static func clean(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    private static func depth(_ path: String) -> Int { path.split(separator: "/").count }
}
