import CLinux

/// Files by path or beneath a directory descriptor. A path that a container or an image controls
/// goes through ``openBeneath(_:_:flags:mode:)`` and nothing else.
public enum Files {
    /// Opens `path` (openat(2)), close-on-exec; `directory` is AT_FDCWD for the working directory.
    public static func open(
        _ path: String, at directory: CInt = AT_FDCWD, flags: CInt = O_RDONLY, mode: mode_t = 0
    ) throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try call { cais_openat(directory, path, flags | O_CLOEXEC, mode) })
    }

    /// How far a path from a hostile source may reach (openat2(2), RESOLVE_*).
    public enum Reach: Sendable {
        /// Symbolic links are followed as if the root were `/`; nothing leaves it.
        case inRoot
        /// Nothing leaves the root, and an absolute link or `..` above it is an error.
        case beneath
        /// As beneath, and no component may be a symbolic link.
        case beneathNoLinks

        var resolve: UInt64 {
            switch self {
            case .inRoot: UInt64(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
            case .beneath: UInt64(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
            case .beneathNoLinks: UInt64(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS)
            }
        }
    }

    /// Opens `path` inside `root` so that no component can lead outside (openat2(2)).
    /// - Throws: `Errno`: `.crossDevice` for an escape, `.loop` for a forbidden link.
    public static func openBeneath(
        _ root: borrowing FileDescriptor, _ path: String, reach: Reach = .inRoot, flags: CInt = O_RDONLY, mode: mode_t = 0
    ) throws(Errno) -> FileDescriptor {
        let number = root.rawValue
        let openFlags = UInt64(UInt32(bitPattern: flags | O_CLOEXEC))
        // The kernel answers EAGAIN when a rename ran beside the walk; it asks to be called again.
        var attempts = 0
        while true {
            let opened = cais_openat2(number, path, openFlags, UInt64(mode), reach.resolve)
            if opened >= 0 { return FileDescriptor(owning: opened) }
            let error = Errno.current
            attempts += 1
            if error != .interrupted && (error != .again || attempts > 64) { throw error }
        }
    }

    /// The whole content of a regular file, at most `limit` bytes. A FIFO or device in its place
    /// is refused and never waited for.
    public static func read(_ path: String, at directory: CInt = AT_FDCWD, limit: Int = 16 << 20) throws(Errno) -> [UInt8] {
        let file = try open(path, at: directory, flags: O_RDONLY | O_NONBLOCK)
        let status = try file.status()
        guard status.kind == .regular else { throw status.kind == .directory ? .isDirectory : .invalid }
        guard status.st_size <= limit else { throw .tooBig }
        return try file.readAll(limit: limit)
    }

    /// Replaces `path` so that a reader or a crash sees the old content or the new, never a part:
    /// temporary file, fsync, rename, fsync of the directory.
    public static func replace(_ path: String, with bytes: some Collection<UInt8>, mode: mode_t = 0o600, durable: Bool = true) throws(Errno) {
        let temporary = "\(path).\(getpid()).tmp"
        do {
            let file = try create(temporary, mode: mode)
            try file.writeAll(bytes)
            if durable { try file.synchronize() }
            try call { rename(temporary, path) }
        } catch {
            _ = unlink(temporary)
            throw error
        }
        if durable {
            let slash = path.lastIndex(of: "/")
            let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
            try open(parent, flags: O_RDONLY | O_DIRECTORY).synchronize()
        }
    }

    /// Makes a file that was not there: what somebody has put in its place, or a crash left, is removed and never opened.
    private static func create(_ path: String, mode: mode_t) throws(Errno) -> FileDescriptor {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        do throws(Errno) { return try open(path, flags: flags, mode: mode) } catch { guard error == .exists else { throw error } }
        try call { unlink(path) }
        return try open(path, flags: flags, mode: mode)
    }

    /// Makes `path` and what is missing above it.
    public static func makeDirectories(_ path: String, mode: mode_t = 0o755) throws(Errno) {
        if mkdir(path, mode) == 0 { return }
        let error = Errno.current
        if error == .exists { return }
        guard error == .noEntry, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { throw error }
        try makeDirectories(String(path[..<slash]), mode: mode)
        if mkdir(path, mode) != 0, Errno.current != .exists { throw Errno.current }
    }

    /// Whether something is at `path`, links not followed.
    public static func exists(_ path: String) -> Bool {
        var result = stat()
        return lstat(path, &result) == 0
    }

    /// The names in a directory, without `.` and `..`, in the kernel's order.
    public static func names(in path: String) throws(Errno) -> [String] {
        guard let stream = opendir(path) else { throw Errno.current }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes what is at `path`, a directory with all it holds; links are removed, not followed,
    /// and nothing of a mount beneath is touched (`.crossDevice`). Missing is done.
    public static func removeTree(_ path: String) throws(Errno) {
        try removeTree(path, at: AT_FDCWD, depth: 0)
    }

    /// The deepest tree ``removeTree(_:)`` walks.
    static let depthMax = 4_096

    private static func removeTree(_ name: String, at directory: CInt, depth: Int) throws(Errno) {
        if unlinkat(directory, name, 0) == 0 { return }
        let error = Errno.current
        if error == .noEntry { return }
        guard error == .isDirectory || error == .notPermitted else { throw error }
        guard depth < depthMax else { throw .loop }
        // Never into what is mounted in the tree: that is somebody's files.
        let flags = UInt64(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        let resolve = depth == 0 ? 0 : UInt64(RESOLVE_NO_XDEV)
        let opened = FileDescriptor(owning: try call { cais_openat2(directory, name, flags, 0, resolve) })
        let copy = try opened.duplicate().release()
        guard let stream = fdopendir(copy) else {
            let failure = Errno.current
            close(copy)
            throw failure
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let child = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if child != "." && child != ".." { try removeTree(child, at: opened.rawValue, depth: depth + 1) }
        }
        if unlinkat(directory, name, AT_REMOVEDIR) != 0 && Errno.current != .noEntry { throw Errno.current }
    }
}
