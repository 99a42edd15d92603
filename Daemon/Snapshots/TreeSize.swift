import CLinux
import Linux

/// Adds up what a tree takes on disk.
enum TreeSize {
    /// The deepest tree that is walked; deeper parts are not counted.
    static let depthMax = 200

    private struct Inode: Hashable {
        let device: UInt
        let number: UInt
    }

    /// Bytes of the blocks below `path`; a file with several names counts once.
    static func bytes(below path: String) throws(Errno) -> Int64 {
        let top = try Files.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var seen: Set<Inode> = []
        return try bytes(in: top, depth: 0, &seen)
    }

    private static func bytes(in directory: borrowing FileDescriptor, depth: Int, _ seen: inout Set<Inode>) throws(Errno) -> Int64 {
        guard let stream = fdopendir(try directory.duplicate().release()) else { throw Errno.current }
        defer { closedir(stream) }
        let number = directory.rawValue
        var sum: Int64 = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0] }
            if name == [0x2e, 0] || name == [0x2e, 0x2e, 0] { continue }
            var status = stat()
            // It may be gone by now: the container goes on writing.
            guard fstatat(number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            if status.st_nlink > 1, CInt(bitPattern: status.st_mode) & S_IFMT != S_IFDIR,
                !seen.insert(Inode(device: status.st_dev, number: status.st_ino)).inserted
            { continue }
            sum += Int64(status.st_blocks) * 512
            guard CInt(bitPattern: status.st_mode) & S_IFMT == S_IFDIR, depth < depthMax else { continue }
            let child = cais_openat(number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
            guard child >= 0 else { continue }
            sum += try bytes(in: FileDescriptor(owning: child), depth: depth + 1, &seen)
        }
        return sum
    }
}
