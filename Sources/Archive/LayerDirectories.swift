// LayerDirectories owns finding and making the directories of a layer without ever leaving its root.
import CLinux
import Faults
import Linux

/// Opens directories beneath one root for a single thread. A path is resolved by the kernel with the
/// root as its end of the world (openat2(2)): links inside the layer work as they would in the
/// container and cannot point outside.
final class LayerDirectories {
    private let root: CInt
    private let limits: ArchiveLimits
    /// Entries come sorted by directory: the last one opened is mostly the next one wanted.
    private var last: (path: EntryPath, descriptor: CInt)?

    init(root: CInt, limits: ArchiveLimits) {
        self.root = root
        self.limits = limits
    }

    deinit { if let last { close(last.descriptor) } }

    private static let plain = UInt64(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)
    private static let throughLinks = UInt64(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)
    private static let flags = UInt64(UInt32(bitPattern: O_PATH | O_DIRECTORY | O_CLOEXEC))

    /// Opens the directory at `path`, making what is missing. The descriptor is lent: valid until
    /// the next call.
    func open(_ path: EntryPath) throws(Fault) -> CInt {
        if path.components.isEmpty { return root }
        if let last, last.path == path { return last.descriptor }
        let opened = cais_openat2(root, path.pathText, LayerDirectories.flags, 0, LayerDirectories.plain)
        let descriptor = opened >= 0 ? opened : try walk(path)
        forget()
        last = (path, descriptor)
        return descriptor
    }

    /// Opens the directory at `path`, which must be there; the caller closes it.
    func openExisting(_ path: EntryPath, for purpose: String) throws(Fault) -> CInt {
        let opened = cais_openat2(root, path.pathText, LayerDirectories.flags, 0, LayerDirectories.throughLinks)
        guard opened >= 0 else { throw Fault(.invalidArgument, "\(purpose): \(path.shown): \(Errno.current)", errno: Errno.current.rawValue) }
        return opened
    }

    /// Takes away `name` in `parent`, with all it holds.
    func remove(_ parent: CInt, _ name: [CChar]) throws(Fault) {
        if unlinkat(parent, name, 0) == 0 { return }
        let error = Errno.current
        guard error == .isDirectory || error == .notPermitted else { throw fault("replace", error) }
        try kernel("replace") { () throws(Errno) in try TreeRemoval.remove(name, at: parent) }
        // The directory that is remembered may have been inside.
        if let last, !isLinked(last.descriptor) { self.last = nil; close(last.descriptor) }
    }

    private func isLinked(_ descriptor: CInt) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_nlink > 0
    }

    private func forget() {
        if let last { close(last.descriptor) }
        last = nil
    }

    /// The slow way, a component at a time: makes missing directories, goes through links inside the
    /// root, and replaces a file that stands where a directory is needed.
    private func walk(_ path: EntryPath) throws(Fault) -> CInt {
        var current = try kernel("open the root") { () throws(Errno) in try call { cais_openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0) } }
        do throws(Fault) {
            for index in path.components.indices {
                let next = try step(EntryPath(components: Array(path.components[...index])), in: current)
                close(current)
                current = next
            }
            try checkDepth(of: current, path)
        } catch {
            close(current)
            throw error
        }
        return current
    }

    private func step(_ path: EntryPath, in parent: CInt) throws(Fault) -> CInt {
        let opened = cais_openat2(root, path.pathText, LayerDirectories.flags, 0, LayerDirectories.throughLinks)
        if opened >= 0 { return opened }
        let error = Errno.current
        let name = path.components.last!.cText
        var status = stat()
        let exists = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0
        if exists && CInt(bitPattern: status.st_mode) & S_IFMT == S_IFLNK {
            throw Fault(.invalidArgument, "\(path.shown) is a link that leads to no directory: \(error)")
        }
        if exists {
            guard error == .notDirectory else { throw fault("open \(path.shown)", error) }
            try kernel("replace \(path.shown)") { () throws(Errno) in try call { unlinkat(parent, name, 0) } }
        }
        return try kernel("make \(path.shown)") { () throws(Errno) in
            try call { mkdirat(parent, name, 0o755) }
            return try call { cais_openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0) }
        }
    }

    /// A chain of links can put a short path deep down: count the real levels.
    private func checkDepth(of descriptor: CInt, _ path: EntryPath) throws(Fault) {
        var end = stat()
        var here = stat()
        guard fstat(root, &end) == 0 else { throw fault("look at the root", Errno.current) }
        var current = try kernel("look around") { () throws(Errno) in try call { cais_fcntl(descriptor, F_DUPFD_CLOEXEC, 3) } }
        defer { close(current) }
        for _ in 0...limits.depthMax {
            guard fstat(current, &here) == 0 else { throw fault("look at \(path.shown)", Errno.current) }
            if here.st_ino == end.st_ino && here.st_dev == end.st_dev { return }
            let above = try kernel("look above \(path.shown)") { () throws(Errno) in
                try call { cais_openat(current, "..", O_PATH | O_DIRECTORY | O_CLOEXEC, 0) }
            }
            close(current)
            current = above
        }
        throw Fault(.tooLarge, "\(path.shown) lies more than \(limits.depthMax) directories deep")
    }
}
