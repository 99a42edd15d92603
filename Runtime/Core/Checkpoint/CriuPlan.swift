// CriuPlan owns the words of criu's command line: pure, so that what criu is asked for is tested
// without it.
import Faults
import OCISpec

struct CriuPlan: Hashable, Sendable {
    /// The words after the program's name.
    private(set) var arguments: [String]

    /// What the container shares with the outside, by criu's names for it.
    struct Externals: Hashable, Sendable {
        /// A mount whose source is the host's: it is not in the images, and mounted anew by the restore.
        struct Mount: Hashable, Sendable {
            /// As config.json has it.
            let destination: String
            /// Where it really is, links resolved.
            var place: String
            /// The host's file for a restore.
            var source: String
        }

        var mounts: [Mount] = []
        /// The resources of the standard streams, as criu names open files; empty where one needs no name.
        var streams: [String] = []
    }

    /// A dump of the tree that `pid` is the root of.
    static func dump(
        _ options: CheckpointOptions, pid: Int32, root: String, images: String, work: String, freezer: String?, externals: Externals
    ) -> CriuPlan {
        var plan = CriuPlan(verb: options.isPreDump ? "pre-dump" : "dump", options, root: root, images: images, work: work, log: "dump.log")
        plan.arguments += ["--tree", String(pid)]
        if let freezer { plan.arguments += ["--freeze-cgroup", freezer] }
        plan.add(options.leavesRunning && !options.isPreDump, "--leave-running")
        plan.add(options.skipsTCPInFlight, "--skip-in-flight")
        plan.add(options.linksRemoved, "--link-remap")
        plan.add(options.isPreDump || options.parentPath != nil, "--track-mem")
        if let parent = options.parentPath { plan.arguments += ["--prev-images-dir", parent] }
        if let server = options.pageServer { plan.arguments += ["--page-server", "--address", server.address, "--port", server.port] }
        for mount in externals.mounts { plan.arguments += ["--external", "mnt[\(mount.place)]:\(mount.destination)"] }
        for stream in Set(externals.streams).sorted() where stream.hasPrefix("file[") { plan.arguments += ["--external", stream] }
        return plan
    }

    /// A restore whose first process becomes the caller's child.
    /// - Parameter streams: the numbers of the descriptors that take the places of the standard streams.
    static func restore(
        _ options: CheckpointOptions, root: String, images: String, work: String, pidFile: String, isStopped: Bool, externals: Externals,
        streams: [Int32]
    ) -> CriuPlan {
        var plan = CriuPlan(verb: "restore", options, root: root, images: images, work: work, log: "restore.log")
        plan.arguments += ["--restore-detached", "--restore-sibling", "--pidfile", pidFile]
        plan.add(isStopped, "--leave-stopped")
        for mount in externals.mounts { plan.arguments += ["--external", "mnt[\(mount.destination)]:\(mount.source)"] }
        // One resource may be several streams, as after `2>&1`, and is inherited once.
        var named: Set<String> = []
        for (number, stream) in zip(streams, externals.streams) where !stream.isEmpty && named.insert(stream).inserted {
            plan.arguments += ["--inherit-fd", "fd[\(number)]:\(stream)"]
        }
        return plan
    }

    private init(verb: String, _ options: CheckpointOptions, root: String, images: String, work: String, log: String) {
        arguments = [
            verb, "--images-dir", images, "--work-dir", work, "--log-file", log, "-v4", "--root", root,
            "--manage-cgroups=\(options.cgroupsMode.rawValue)", "--enable-external-masters",
        ]
        add(options.hasTCPConnections, "--tcp-established")
        add(options.hasExternalUnixSockets, "--ext-unix-sk")
        add(options.isShellJob, "--shell-job")
        add(options.hasFileLocks, "--file-locks")
        add(options.savesRoom, "--auto-dedup")
        if options.hasEmptyNetwork { arguments += ["--empty-ns", "net"] }
    }

    private mutating func add(_ isWanted: Bool, _ word: String) { if isWanted { arguments.append(word) } }
}

extension CriuPlan.Externals {
    /// The mounts of a plan whose sources are the host's.
    init(_ mounts: [PlannedMount], cgroup: CgroupView?) {
        for mount in mounts {
            switch mount.source {
            case .bind(let path, _): self.mounts.append(.init(destination: mount.destination, place: mount.destination, source: path))
            case .cgroup: self.mounts += CriuPlan.Externals.cgroupMounts(mount.destination, cgroup)
            case .fileSystem, .remount: continue
            }
        }
    }

    private static func cgroupMounts(_ destination: String, _ view: CgroupView?) -> [Mount] {
        switch view {
        case nil: []
        case .unified(let path): [.init(destination: destination, place: destination, source: path)]
        case .hierarchies(let directories, _):
            directories.map { .init(destination: "\(destination)/\($0.name)", place: "\(destination)/\($0.name)", source: $0.path) }
        }
    }
}
