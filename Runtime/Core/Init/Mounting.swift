// Mounting owns how each planned mount is carried out: a detached tree gets its properties and is
// then attached to a place that was resolved inside the root.
import CLinux
import Faults
import Linux
import OCISpec

struct Mounting: ~Copyable {
    let tree: RootTree
    var prepared: PreparedTrees
    let cgroup: CgroupView?
    let isInUserNamespace: Bool
    /// The kinds of namespaces that are not the host's.
    let namespaces: NamespaceSet
    /// What to warn of.
    private(set) var notes: [String]
    /// Trees that become read-only when all is in place.
    private var readOnlyLast: [CInt] = []

    init(
        tree: consuming RootTree, prepared: PreparedTrees, cgroup: CgroupView?, isInUserNamespace: Bool, namespaces: NamespaceSet
    ) {
        self.tree = tree
        self.prepared = prepared
        self.namespaces = namespaces
        notes = prepared.notes
        self.cgroup = cgroup
        self.isInUserNamespace = isInUserNamespace
    }

    deinit { for number in readOnlyLast { close(number) } }

    /// Carries out the whole plan, in order.
    mutating func mountAll(_ mounts: [PlannedMount]) throws(Fault) {
        for (index, mount) in mounts.enumerated() {
            do throws(Fault) { try self.mount(mount, index: index) } catch { throw error.within(mount.name) }
        }
    }

    private mutating func mount(_ mount: PlannedMount, index: Int) throws(Fault) {
        switch mount.source {
        case .remount: try remount(mount)
        case .cgroup: try mountCgroup(mount)
        case .fileSystem(let type, let source): try mountFileSystem(type, source: source, mount, index: index)
        case .bind(let path, let recursive):
            let copy = try bindTree(path, recursive: recursive, mount, index: index)
            let status = try attempt("stat") { () throws(Errno) in try copy.status() }
            let isDirectory = status.kind == .directory
            let isProc = try attempt("stat") { () throws(Errno) in try Mount.fileSystemType(of: copy) } == Procfs.fileSystemType
            if mount.destination == "/proc" && !isProc { throw Fault(.invalidArgument, "only proc can be mounted on /proc") }
            try attach(copy, mount, isDirectory: isDirectory)
        }
    }

    private mutating func bindTree(_ path: String, recursive: Bool, _ mount: PlannedMount, index: Int) throws(Fault) -> FileDescriptor {
        if let copy = prepared.take(.mount(index)) { return copy }
        let copy = try PreparedTrees.copy(path, recursive: recursive)
        notes += try Mounting.apply(mount, to: copy)
        return copy
    }

    private mutating func mountFileSystem(_ type: String, source: String?, _ mount: PlannedMount, index: Int) throws(Fault) {
        let isKernels = Mounting.kernelFileSystems.contains(type)
        // A link in the image must not decide where the kernel's own files appear (CVE-2019-19921).
        let reach: Files.Reach = type == "proc" || type == "sysfs" ? .beneathNoLinks : .inRoot
        var parameters = mount.options.parameters
        // A tmpfs has the mode of the directory it covers; one made for it has tmpfs's own, also
        // for the next start, which finds it there.
        let takesMode = type == "tmpfs" && !parameters.contains(where: { $0.key == "mode" })
        let target = try openTarget(mount, isDirectory: true, reach: reach, mode: takesMode ? 0o1777 : 0o755)
        if takesMode {
            let status = try attempt("stat") { () throws(Errno) in try target.status() }
            parameters.append(.value("mode", String(status.st_mode & 0o7777, radix: 8)))
        }
        var attributes = mount.options.set
        if mount.isReadOnlyLast { attributes.remove(.readOnly) }
        if attributes.contains(.readOnly) && !isKernels { parameters.append(.flag("ro")) }
        let made = try makeFileSystem(type, source: source ?? type, parameters: parameters, attributes: attributes)
        if mount.options.copyUp {
            try within("copy up") { () throws(Fault) in try CopyUp.copy(from: target, to: made) }
        }
        if let namespace = prepared.take(.idMap(index)) {
            try IDMappedMounts.apply(namespace, to: made.rawValue, recursive: mount.idMapping?.isRecursive ?? false)
        } else {
            try IDMappedMounts.apply(mount.idMapping, to: made.rawValue)
        }
        try Mounting.applyRecursive(mount, to: made.rawValue)
        try attempt("attach") { () throws(Errno) in try Mount.attach(made, to: target) }
        if mount.isReadOnlyLast { readOnlyLast.append(made.release()) }
    }

    /// File systems that are the kernel's own: read-only is a property of the mount there, since
    /// the file system may be shared with others.
    static let kernelFileSystems = [
        "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "bpf",
    ]

    private mutating func remount(_ mount: PlannedMount) throws(Fault) {
        let target = try attempt("open") { () throws(Errno) in try tree.open(mount.destination) }
        notes += try Mounting.apply(mount, to: target)
        guard !mount.options.parameters.isEmpty else { return }
        do throws(MountError) { try Mount.reconfigure(target, parameters: mount.options.parameters) } catch { throw Fault(error, "remount") }
    }

    /// Gives a mount the properties that its options ask for.
    /// - Returns: what to warn of: properties that came with it and are locked.
    static func apply(_ mount: PlannedMount, to tree: borrowing FileDescriptor) throws(Fault) -> [String] {
        try IDMappedMounts.apply(mount.idMapping, to: tree.rawValue)
        var locked: MountAttributes = []
        let options = mount.options
        if !options.set.isEmpty || !options.clear.isEmpty {
            locked = try LockedProperties.change(tree, set: options.set, clear: options.clear)
        }
        try applyRecursive(mount, to: tree.rawValue)
        return locked.isEmpty ? [] : ["\(mount.name): \(locked.words.joined(separator: ", ")) of its source cannot be changed in a user namespace, and stays"]
    }

    static func applyRecursive(_ mount: PlannedMount, to tree: CInt) throws(Fault) {
        let options = mount.options
        if !options.recursiveSet.isEmpty || !options.recursiveClear.isEmpty {
            try attempt("set properties") { () throws(Errno) in
                try Mount.change(tree, recursive: true, set: options.recursiveSet, clear: options.recursiveClear)
            }
        }
        for change in options.propagation {
            try attempt("set propagation") { () throws(Errno) in
                try Mount.change(tree, recursive: change.recursive, propagation: change.propagation)
            }
        }
    }

    private func openTarget(
        _ mount: PlannedMount, isDirectory: Bool, reach: Files.Reach = .inRoot, mode: mode_t = 0o755
    ) throws(Fault) -> FileDescriptor {
        let target = try attempt("open destination") { () throws(Errno) in
            try tree.target(mount.destination, isDirectory: isDirectory, reach: reach, mode: mode)
        }
        // However the destination was spelled or linked: nothing covers parts of proc but what may.
        let type = try attempt("stat") { () throws(Errno) in try Mount.fileSystemType(of: target) }
        if type == Procfs.fileSystemType && mount.destination != "/proc" && !MountPlan.coverableProcFiles.contains(mount.destination) {
            throw Fault(.invalidArgument, "destination is inside /proc")
        }
        return target
    }

    private func attach(_ copy: borrowing FileDescriptor, _ mount: PlannedMount, isDirectory: Bool) throws(Fault) {
        let target = try openTarget(mount, isDirectory: isDirectory)
        try attempt("attach") { () throws(Errno) in try Mount.attach(copy, to: target) }
    }

    /// The container's own cgroup, in the shape its hierarchies have on this host.
    private mutating func mountCgroup(_ mount: PlannedMount) throws(Fault) {
        guard let cgroup else {
            notes.append("\(mount.name): left out, since no cgroup hierarchy is mounted here")
            return
        }
        switch cgroup {
        case .unified(let path): try mountUnified(path, mount)
        case .hierarchies(let directories, let links): try mountHierarchies(directories, links, mount)
        }
    }

    private mutating func mountUnified(_ path: String, _ mount: PlannedMount) throws(Fault) {
        let target = try openTarget(mount, isDirectory: true)
        let copy = try cgroupTree(path, mount)
        try attempt("attach") { () throws(Errno) in try Mount.attach(copy, to: target) }
    }

    private mutating func cgroupTree(_ path: String, _ mount: PlannedMount) throws(Fault) -> FileDescriptor {
        if let copy = prepared.take(.cgroup(path)) { return copy }
        let copy = try attempt("open \(path)") { () throws(Errno) in try Mount.copy(path, recursive: false) }
        notes += try Mounting.apply(mount, to: copy)
        return copy
    }

    private mutating func mountHierarchies(
        _ directories: [CgroupView.Directory], _ links: [CgroupView.Link], _ mount: PlannedMount
    ) throws(Fault) {
        let target = try openTarget(mount, isDirectory: true)
        let attributes = mount.options.set.subtracting(.readOnly)
        let base = try attemptMount("make tmpfs") { () throws(MountError) in
            try Mount.make(type: "tmpfs", source: "tmpfs", parameters: [.value("mode", "755")], attributes: attributes)
        }
        try Mounting.applyRecursive(mount, to: base.rawValue)
        try attempt("attach") { () throws(Errno) in try Mount.attach(base, to: target) }
        for directory in directories {
            try within(directory.name) { () throws(Fault) in
                let copy = try cgroupTree(directory.path, mount)
                try attempt("attach") { () throws(Errno) in
                    try call { mkdirat(base.rawValue, directory.name, 0o755) }
                    let place = try Files.open(directory.name, at: base.rawValue, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW)
                    try Mount.attach(copy, to: place)
                }
            }
        }
        for link in links { symlinkat(link.target, base.rawValue, link.name) }
        if mount.options.set.contains(.readOnly) {
            try attempt("set properties") { () throws(Errno) in try Mount.change(base.rawValue, set: .readOnly) }
        }
    }

    /// Makes read-only what had to stay writable until everything beneath it was there.
    func finish() throws(Fault) {
        for number in readOnlyLast {
            try attempt("make read-only") { () throws(Errno) in try Mount.change(number, set: .readOnly) }
        }
    }
}
