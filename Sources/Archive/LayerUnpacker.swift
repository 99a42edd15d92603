// LayerUnpacker owns turning a layer's entries into a tree on disk in overlayfs's form. It trusts no
// entry: each name is judged as text (EntryPlan), its directory opened inside the root
// (LayerDirectories), and the thing itself made new (O_EXCL, O_NOFOLLOW) and dressed by descriptor.
import CLinux
import Faults
import Linux

/// Unpacks one layer beneath a root directory.
package final class LayerUnpacker {
    private let limits: ArchiveLimits
    private let directories: LayerDirectories
    /// Modification times of directories wait until nothing is made in them any more.
    private var directoryTimes: [(path: EntryPath, time: timespec)] = []
    /// The sum of the files' sizes as the archive states them.
    package private(set) var fileBytes: Int64 = 0
    /// A directory with the set-group bit hands its group to what is made in it.
    private var groupsAreInherited = false
    private let owner = geteuid()
    private let group = getegid()

    /// Unpacks beneath `root`, which stays the caller's; the process's umask is set to 0.
    package init(root: CInt, limits: ArchiveLimits) {
        self.limits = limits
        directories = LayerDirectories(root: root, limits: limits)
        umask(0)
    }

    /// Makes every entry of `tar`.
    package func unpack(_ tar: TarReader) throws(Fault) {
        while let entry = try tar.next() {
            do throws(Fault) { try apply(entry, tar) } catch { throw error.within(display(entry.name)) }
        }
        for (path, time) in directoryTimes { setTime(of: path, time) }
    }

    private func apply(_ entry: TarEntry, _ tar: TarReader) throws(Fault) {
        switch try EntryPlan(name: entry.name, limits: limits) {
        case .skip: return
        case .root: try dressRoot(entry)
        case .opaque(let directory): try markOpaque(directories.open(directory))
        case .whiteout(let path): try whiteOut(path)
        case .make(let path): try make(entry, at: path, tar)
        }
    }

    private func make(_ entry: TarEntry, at path: EntryPath, _ tar: TarReader) throws(Fault) {
        let parent = try directories.open(path.parent)
        let name = path.components.last!.cText
        switch entry.kind {
        case .file(let bytes): try makeFile(entry, bytes, parent, name, tar)
        case .directory: try makeDirectory(entry, path, parent, name)
        case .hardLink(let target): try makeHardLink(to: target, parent, name)
        case .symbolicLink(let target):
            try replacing(parent, name) { symlinkat(target.cText, parent, name) }
            try dressNode(entry, parent, name)
        case .characterDevice(let major, let minor): try makeNode(entry, S_IFCHR, cais_makedev(major, minor), parent, name)
        case .blockDevice(let major, let minor): try makeNode(entry, S_IFBLK, cais_makedev(major, minor), parent, name)
        case .fifo: try makeNode(entry, S_IFIFO, 0, parent, name)
        case .socket: return  // A socket without its process is of no use; docker drops it as well.
        }
    }

    // MARK: - Kinds

    private func makeFile(_ entry: TarEntry, _ bytes: Int64, _ parent: CInt, _ name: [CChar], _ tar: TarReader) throws(Fault) {
        let number = try replacing(parent, name) {
            cais_openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(entry.mode & 0o777))
        }
        let file = FileDescriptor(owning: number)
        var end: Int64 = 0
        try tar.eachBlock { (block, offset) throws(Fault) in
            guard offset >= 0, offset + Int64(block.count) <= bytes else { throw Fault(.invalidArgument, "its data is longer than its size") }
            try kernel("write") { () throws(Errno) in try writeAll(block, at: offset, number) }
            end = max(end, offset + Int64(block.count))
        }
        if end < bytes { try kernel("set the size") { () throws(Errno) in try call { ftruncate(number, off_t(bytes)) } } }
        fileBytes += bytes
        try dress(entry, file)
        try kernel("set the time") { () throws(Errno) in try call { futimens(number, times(entry)) } }
    }

    private func makeDirectory(_ entry: TarEntry, _ path: EntryPath, _ parent: CInt, _ name: [CChar]) throws(Fault) {
        var status = stat()
        let exists = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0
        let isDirectory = exists && CInt(bitPattern: status.st_mode) & S_IFMT == S_IFDIR
        var isOpaque = false
        if !isDirectory {
            // A whiteout and a directory of one name: the old directory is gone, so nothing shows through.
            let replacesWhiteout = exists && CInt(bitPattern: status.st_mode) & S_IFMT == S_IFCHR && status.st_rdev == 0
            try replacing(parent, name) { mkdirat(parent, name, mode_t(entry.mode & 0o777)) }
            isOpaque = replacesWhiteout
        }
        let opened = try kernel("open") { () throws(Errno) in
            try call { cais_openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0) }
        }
        let directory = FileDescriptor(owning: opened)
        if isOpaque { try markOpaque(opened) }
        try dress(entry, directory, exists: isDirectory)
        if entry.mode & 0o2000 != 0 { groupsAreInherited = true }
        directoryTimes.append((path, modified(entry)))
    }

    private func makeHardLink(to target: [UInt8], _ parent: CInt, _ name: [CChar]) throws(Fault) {
        let path = try EntryPath(target, limits: limits)
        guard let last = path.components.last else { throw Fault(.invalidArgument, "is a hard link to the root") }
        let source = try directories.openExisting(path.parent, for: "hard link to \(display(target))")
        defer { close(source) }
        var there = stat()
        guard fstatat(source, last.cText, &there, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw Fault(.invalidArgument, "is a hard link to \(display(target)), which the layer does not hold")
        }
        var here = stat()
        if fstatat(parent, name, &here, AT_SYMLINK_NOFOLLOW) == 0, here.st_ino == there.st_ino, here.st_dev == there.st_dev { return }
        guard CInt(bitPattern: there.st_mode) & S_IFMT != S_IFDIR else { throw Fault(.invalidArgument, "is a hard link to a directory") }
        // Removing what is in the way may take the target with it, when that lies inside: ENOENT then.
        try replacing(parent, name) { linkat(source, last.cText, parent, name, 0) }
    }

    private func makeNode(_ entry: TarEntry, _ kind: CInt, _ device: UInt64, _ parent: CInt, _ name: [CChar]) throws(Fault) {
        try replacing(parent, name) { mknodat(parent, name, mode_t(bitPattern: kind) | mode_t(entry.mode), dev_t(device)) }
        try dressNode(entry, parent, name)
    }

    // MARK: - Whiteouts

    /// Overlayfs's own form of a whiteout is a character device 0/0. It speaks only of the layers
    /// below: what this layer itself holds stays, and a directory of it becomes opaque.
    private func whiteOut(_ path: EntryPath) throws(Fault) {
        let parent = try directories.open(path.parent)
        let name = path.components.last!.cText
        if mknodat(parent, name, mode_t(bitPattern: S_IFCHR), 0) == 0 { return }
        guard Errno.current == .exists else { throw fault("make the whiteout", Errno.current) }
        var status = stat()
        guard fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw fault("look at", Errno.current) }
        if CInt(bitPattern: status.st_mode) & S_IFMT == S_IFDIR { try markOpaque(directories.open(path)) }
    }

    private func markOpaque(_ directory: CInt) throws(Fault) {
        try kernel("mark as opaque") { () throws(Errno) in
            let opened = FileDescriptor(owning: try call { cais_openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) })
            let value: [UInt8] = [0x79]
            try call { fsetxattr(opened.rawValue, "trusted.overlay.opaque", value, 1, 0) }
        }
    }

    // MARK: - Owner, mode, attributes, times

    private func dressRoot(_ entry: TarEntry) throws(Fault) {
        guard entry.kind == .directory else { throw Fault(.invalidArgument, "the root is no directory") }
        let root = EntryPath(components: [])
        let number = try directories.open(root)
        let opened = try kernel("open") { () throws(Errno) in
            try call { cais_openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        }
        try dress(entry, FileDescriptor(owning: opened), exists: true)
        directoryTimes.append((root, modified(entry)))
    }

    /// Owner first (a change of owner clears set-user bits and capabilities), then mode, then attributes.
    private func dress(_ entry: TarEntry, _ file: borrowing FileDescriptor, exists: Bool = false) throws(Fault) {
        let number = file.rawValue
        if exists || groupsAreInherited || entry.uid != owner || entry.gid != group {
            try kernel("set the owner") { () throws(Errno) in try call { fchown(number, entry.uid, entry.gid) } }
        }
        if exists || entry.mode & 0o7000 != 0 {
            try kernel("set the mode") { () throws(Errno) in try call { fchmod(number, mode_t(entry.mode)) } }
        }
        for (name, value) in entry.attributes where isKept(attribute: name) {
            try keepGoing("set \(name)") { fsetxattr(number, name, value, value.count, 0) }
        }
    }

    /// The same for what cannot be opened without consequences; the name was just made and nobody
    /// else is in here, so it still means the same thing.
    private func dressNode(_ entry: TarEntry, _ parent: CInt, _ name: [CChar]) throws(Fault) {
        if groupsAreInherited || entry.uid != owner || entry.gid != group {
            try kernel("set the owner") { () throws(Errno) in
                try call { fchownat(parent, name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) }
            }
        }
        try kernel("set the time") { () throws(Errno) in try call { utimensat(parent, name, times(entry), AT_SYMLINK_NOFOLLOW) } }
    }

    private func setTime(of path: EntryPath, _ time: timespec) {
        // A later entry may have replaced the directory: then there is no time to set.
        guard let number = try? directories.openExisting(path, for: "time") else { return }
        defer { close(number) }
        // The descriptor is O_PATH, hence the name "." beneath it. A time is worth no failure.
        _ = utimensat(number, ".", [time, time], AT_SYMLINK_NOFOLLOW)
    }

    private func modified(_ entry: TarEntry) -> timespec { timespec(tv_sec: entry.modified.seconds, tv_nsec: entry.modified.nanoseconds) }

    private func times(_ entry: TarEntry) -> [timespec] { [modified(entry), modified(entry)] }

    // MARK: - Calls

    /// Makes `name` by `body`; what is already there is taken away first.
    @discardableResult
    private func replacing(_ parent: CInt, _ name: [CChar], _ body: () -> CInt) throws(Fault) -> CInt {
        let made = body()
        if made != -1 { return made }
        guard Errno.current == .exists else { throw fault("make", Errno.current) }
        try directories.remove(parent, name)
        return try kernel("make") { () throws(Errno) in try call(body) }
    }

    /// Attributes that this file system does not have are left out, as docker does.
    private func keepGoing(_ step: String, _ body: () -> CInt) throws(Fault) {
        if body() != -1 { return }
        let error = Errno.current
        if error != .notSupported && error != .notPermitted { throw fault(step, error) }
    }

    private func writeAll(_ block: UnsafeRawBufferPointer, at offset: Int64, _ number: CInt) throws(Errno) {
        var done = 0
        while done < block.count {
            done += try call { pwrite(number, block.baseAddress! + done, block.count - done, off_t(offset) + off_t(done)) }
        }
    }
}

/// Runs a system call and says what it was for.
@discardableResult
func kernel<Value>(_ step: String, _ body: () throws(Errno) -> Value) throws(Fault) -> Value {
    do { return try body() } catch { throw fault(step, error) }
}

/// A fault from an errno; a full disk has a kind of its own.
func fault(_ step: String, _ error: Errno) -> Fault {
    let isFull = error == .noSpace || error.rawValue == EDQUOT
    return Fault(isFull ? .noSpace : .failed, "\(step): \(error)", errno: error.rawValue)
}
