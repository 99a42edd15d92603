// Checkpoint owns the writing of a running container to disk.
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec

extension Container {
    /// Writes a container's processes into images. It ends there, unless it is to go on.
    package static func checkpoint(_ id: String, _ options: CheckpointOptions, store: StateStore, journal: Journal) throws(Fault) {
        let lock = try store.lock(id)
        try Container(id, store: store, journal: journal).checkpoint(options)
        _ = consume lock
    }

    private func checkpoint(_ options: CheckpointOptions) throws(Fault) {
        let status = self.status
        switch status {
        case .running, .paused: break
        case .creating, .created, .stopped: throw Fault(.conflict, "container cannot be checkpointed while it is \(status.rawValue)")
        }
        guard let pid = record.initProcess?.pid else { return }
        let configuration = try store.configuration(of: record.id)
        if configuration.process?.terminal ?? false {
            throw Fault(.unsupported, "a container with a terminal cannot be checkpointed: criu's command line does not give the terminal back")
        }
        if record.rootPlace != nil { throw Fault(.unsupported, "a container without a mount namespace of its own cannot be checkpointed") }
        let program = try Criu.find(options.program)
        let images = try Checkpoint.directory(options.imagePath)
        try Checkpoint.checkParent(options.parentPath, images: images)
        let work = try Checkpoint.directory(options.workPath ?? store.workDirectory(record.id))
        var externals = CriuPlan.Externals(try MountPlan.make(configuration, bundle: record.bundle), cgroup: CgroupView(record.cgroup))
        externals.resolve(in: record.rootfs)
        let streams = try Streams.of(pid)
        externals.streams = streams.map(\.name)
        try Streams.write(streams, to: images)
        let plan = CriuPlan.dump(
            options, pid: pid, root: record.rootfs, images: images, work: work, freezer: record.cgroup?.freezerDirectory, externals: externals)
        journal.write(.debug, "\(program) \(plan.arguments.joined(separator: " "))")
        let wasPaused = status == .paused
        // criu freezes by itself, and cannot reach into what is frozen already.
        let words = try Criu.makeLastWords()
        if wasPaused { try thawForDump() }
        let ended: ExitStatus
        do throws(Fault) { ended = try Criu.run(program, plan, words: words) } catch {
            if wasPaused { try freezeAfterDump() }
            throw error
        }
        if wasPaused { try freezeAfterDump() }
        try Criu.check(ended, log: "\(work)/dump.log", words: words)
        if !options.leavesRunning && !options.isPreDump { try destroy() }
    }

    private func thawForDump() throws(Fault) { try CgroupChoice.open(record.cgroup)?.thaw() }

    /// One that is gone after the dump has nothing to freeze.
    private func freezeAfterDump() throws(Fault) {
        if status == .running { try CgroupChoice.open(record.cgroup)?.freeze() }
    }
}

enum Checkpoint {
    /// criu links to the parent from the images' directory, so that both can move together.
    static func checkParent(_ path: String?, images: String) throws(Fault) {
        guard let path else { return }
        guard !path.hasPrefix("/") else { throw Fault(.invalidArgument, "--parent-path \"\(path)\" must be relative to --image-path") }
        guard Files.exists("\(images)/\(path)") else { throw Fault(.notFound, "--parent-path: there is no \(images)/\(path)", errno: ENOENT) }
    }

    /// A directory that exists, absolute; images hold the memory of every process, so others may not look.
    static func directory(_ path: String) throws(Fault) -> String {
        try attempt("make \(path)") { () throws(Errno) in
            try Files.makeDirectories(path, mode: 0o700)
            guard let resolved = realpath(path, nil) else { throw Errno.current }
            defer { free(resolved) }
            return String(cString: resolved)
        }
    }
}

extension CriuPlan.Externals {
    /// Finds where mounts really are whose destinations lead through links of the image.
    mutating func resolve(in root: String) {
        // A root that cannot be opened is criu's to report.
        guard let directory = try? Files.open(root, flags: O_PATH | O_DIRECTORY) else { return }
        let tree = RootTree(root: directory)
        guard let top = Checkpoint.path(of: tree.root) else { return }
        for index in mounts.indices {
            // What lies in a file system of the container's own is not there from outside, and has no links of the image.
            guard let file = try? tree.open(mounts[index].destination), let path = Checkpoint.path(of: file), path.hasPrefix(top + "/") else { continue }
            mounts[index].place = String(path.dropFirst(top.count))
        }
    }
}

extension CriuPlan.Externals {
    /// Follows links of the host in the sources of mounts, as a bind mount does: criu takes the last part as it is.
    mutating func resolveSources() {
        for index in mounts.indices {
            guard let resolved = realpath(mounts[index].source, nil) else { continue }  // missing: criu's to report
            defer { free(resolved) }
            mounts[index].source = String(cString: resolved)
        }
    }
}

extension Checkpoint {
    /// The path of an open file as the kernel tells it.
    static func path(of file: borrowing FileDescriptor) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/fd/\(file.rawValue)", &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}
