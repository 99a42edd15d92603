import CLinux

/// Properties of one mount, not of its file system (mount_setattr(2), MOUNT_ATTR_*).
public struct MountAttributes: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let readOnly = MountAttributes(rawValue: 0x1)
    public static let noSetUID = MountAttributes(rawValue: 0x2)
    public static let noDevices = MountAttributes(rawValue: 0x4)
    public static let noExecute = MountAttributes(rawValue: 0x8)
    public static let noAccessTime = MountAttributes(rawValue: 0x10)
    public static let strictAccessTime = MountAttributes(rawValue: 0x20)
    public static let noDirectoryAccessTime = MountAttributes(rawValue: 0x80)
    public static let idMapped = MountAttributes(rawValue: 0x10_0000)
    public static let noFollow = MountAttributes(rawValue: 0x20_0000)
    /// The field of the access time's three values; a change of one clears the whole field.
    public static let accessTimeField = MountAttributes(rawValue: 0x70)
}

/// How mounts made on one side appear on the other (mount_namespaces(7)).
public enum Propagation: Sendable, Hashable {
    case `private`, shared, slave, unbindable

    var rawValue: UInt64 {
        switch self {
        case .private: UInt64(MS_PRIVATE)
        case .shared: UInt64(MS_SHARED)
        case .slave: UInt64(MS_SLAVE)
        case .unbindable: UInt64(MS_UNBINDABLE)
        }
    }
}

/// A file system that could not be made, with the kernel's own words where it had any.
public struct MountError: Error, Sendable, Hashable {
    /// Why.
    public let errno: Errno
    /// What the file system said (the log of its fsopen(2) context), or what was being set.
    public let message: String?
}

/// Mounts by descriptor (fsopen(2), fsmount(2), open_tree(2), move_mount(2), mount_setattr(2)):
/// a tree is made detached, given its properties, and attached to a place that was resolved
/// before. Needs CAP_SYS_ADMIN in the user namespace of the mount namespace.
public enum Mount {
    /// A detached copy of the mount tree at `path` under `directory`; an empty path means `directory` itself.
    public static func copy(_ path: String, at directory: CInt = AT_FDCWD, recursive: Bool, follow: Bool = true) throws(Errno) -> FileDescriptor {
        var flags = UInt32(OPEN_TREE_CLONE) | UInt32(bitPattern: O_CLOEXEC)
        if path.isEmpty { flags |= UInt32(AT_EMPTY_PATH) }
        if recursive { flags |= UInt32(AT_RECURSIVE) }
        if !follow { flags |= UInt32(AT_SYMLINK_NOFOLLOW) }
        return FileDescriptor(owning: try call { open_tree(directory, path, flags) })
    }

    /// One parameter of a new file system.
    public enum Parameter: Sendable, Hashable {
        /// A word alone.
        case flag(String)
        /// A word with a value.
        case value(String, String)

        /// The word.
        public var key: String {
            switch self {
            case .flag(let key), .value(let key, _): key
            }
        }
    }

    /// A new detached mount of a file system of type `type`.
    public static func make(
        type: String, source: String? = nil, parameters: [Parameter] = [], attributes: MountAttributes = []
    ) throws(MountError) -> FileDescriptor {
        let context: FileDescriptor
        do { context = FileDescriptor(owning: try call { fsopen(type, UInt32(FSOPEN_CLOEXEC)) }) } catch {
            throw MountError(errno: error, message: error == .noDevice ? "unknown file system type" : nil)
        }
        let number = context.rawValue
        if let source { try configure(context, "source") { fsconfig(number, FSCONFIG_SET_STRING.rawValue, "source", source, 0) } }
        for parameter in parameters {
            try configure(context, parameter.key) {
                switch parameter {
                case .flag(let key): fsconfig(number, FSCONFIG_SET_FLAG.rawValue, key, nil, 0)
                case .value(let key, let value): fsconfig(number, FSCONFIG_SET_STRING.rawValue, key, value, 0)
                }
            }
        }
        try configure(context, nil) { fsconfig(number, FSCONFIG_CMD_CREATE.rawValue, nil, nil, 0) }
        do {
            return FileDescriptor(owning: try call { fsmount(number, UInt32(FSMOUNT_CLOEXEC), UInt32(attributes.rawValue)) })
        } catch { throw MountError(errno: error, message: said(by: context)) }
    }

    private static func configure(_ context: borrowing FileDescriptor, _ parameter: String?, _ body: () -> CInt) throws(MountError) {
        do { try call(body) } catch {
            throw MountError(errno: error, message: said(by: context) ?? parameter.map { "parameter \($0)" })
        }
    }

    /// The last message in a context's log: "e " and a sentence.
    private static func said(by context: borrowing FileDescriptor) -> String? {
        var buffer = [UInt8](repeating: 0, count: 256)
        let number = context.rawValue
        var last: String?
        while true {
            let got = buffer.withUnsafeMutableBytes { read(number, $0.baseAddress, $0.count) }
            guard got > 2 else { return last }
            last = String(decoding: buffer[2..<got], as: UTF8.self)
        }
    }

    /// Attaches a detached tree to the place that `target` holds open (O_PATH is enough).
    public static func attach(_ tree: borrowing FileDescriptor, to target: borrowing FileDescriptor) throws(Errno) {
        let (from, to) = (tree.rawValue, target.rawValue)
        try call { move_mount(from, "", to, "", UInt32(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)) }
    }

    /// Attaches a detached tree at a path of our own choice, never one that a container controls.
    public static func attach(_ tree: borrowing FileDescriptor, path: String) throws(Errno) {
        let from = tree.rawValue
        try call { move_mount(from, "", AT_FDCWD, path, UInt32(MOVE_MOUNT_F_EMPTY_PATH)) }
    }

    /// Changes the properties of the mount that `tree` is the root of, or of all beneath it too.
    /// - Parameter userNamespace: the id mapping for ``MountAttributes/idMapped``.
    public static func change(
        _ tree: CInt, path: String = "", recursive: Bool = false, set: MountAttributes = [], clear: MountAttributes = [],
        propagation: Propagation? = nil, userNamespace: CInt? = nil
    ) throws(Errno) {
        var attributes = mount_attr()
        attributes.attr_set = set.rawValue
        attributes.attr_clr = clear.rawValue
        attributes.propagation = propagation?.rawValue ?? 0
        attributes.userns_fd = userNamespace.map { UInt64($0) } ?? 0
        let flags = UInt32(path.isEmpty ? AT_EMPTY_PATH : 0) | (recursive ? UInt32(AT_RECURSIVE) : 0)
        try call { mount_setattr(tree, path, flags, &attributes, MemoryLayout<mount_attr>.size) }
    }

    /// Changes a mounted file system's own parameters (fspick(2)).
    public static func reconfigure(_ tree: borrowing FileDescriptor, parameters: [Parameter]) throws(MountError) {
        let mounted = tree.rawValue
        let context: FileDescriptor
        do { context = FileDescriptor(owning: try call { fspick(mounted, "", UInt32(FSPICK_CLOEXEC | FSPICK_EMPTY_PATH)) }) } catch {
            throw MountError(errno: error, message: nil)
        }
        let number = context.rawValue
        for parameter in parameters {
            try configure(context, parameter.key) {
                switch parameter {
                case .flag(let key): fsconfig(number, FSCONFIG_SET_FLAG.rawValue, key, nil, 0)
                case .value(let key, let value): fsconfig(number, FSCONFIG_SET_STRING.rawValue, key, value, 0)
                }
            }
        }
        try configure(context, nil) { fsconfig(number, FSCONFIG_CMD_RECONFIGURE.rawValue, nil, nil, 0) }
    }

    /// Takes what is mounted at `path` out of the tree at once, and lets go of it when its last user has (umount2(2), MNT_DETACH).
    public static func detach(_ path: String) throws(Errno) { try call { umount2(path, CInt(MNT_DETACH)) } }

    /// Makes the tree that `root` is the root of the root of this mount namespace and drops the
    /// old one. Stacking both on one directory needs no place for the old root inside the new.
    public static func pivot(into root: borrowing FileDescriptor) throws(Errno) {
        let number = root.rawValue
        try call { fchdir(number) }
        try call { cais_pivot_root(".", ".") }
        try detach(".")
        try call { chdir("/") }
    }

    /// The number of the mount that holds `path` under `directory`, as in /proc/PID/mountinfo
    /// (statx(2), STATX_MNT_ID); an empty path means `directory` itself.
    public static func mountID(of path: String, at directory: CInt = AT_FDCWD) throws(Errno) -> UInt64 {
        var id: UInt64 = 0
        try call { cais_mount_of(directory, path, &id) }
        return id
    }

    /// The type of the file system that holds an open file (statfs(2), f_type).
    public static func fileSystemType(of file: borrowing FileDescriptor) throws(Errno) -> Int {
        var result = statfs()
        let number = file.rawValue
        try call { fstatfs(number, &result) }
        return Int(result.f_type)
    }

    /// Whether the mount that holds an open file is read-only.
    public static func isReadOnly(_ file: borrowing FileDescriptor) throws(Errno) -> Bool {
        var result = statfs()
        let number = file.rawValue
        try call { fstatfs(number, &result) }
        return Int(result.f_flags) & 1 != 0
    }

    /// The properties of the mount that holds an open file (statfs(2), f_flags), but for how access times are kept.
    public static func attributes(of file: borrowing FileDescriptor) throws(Errno) -> MountAttributes {
        var result = statfs()
        let number = file.rawValue
        try call { fstatfs(number, &result) }
        // ST_RDONLY, ST_NOSUID, ST_NODEV and ST_NOEXEC have the numbers of MOUNT_ATTR_*.
        return MountAttributes(rawValue: UInt64(truncatingIfNeeded: Int(result.f_flags)) & 0xf)
    }
}
