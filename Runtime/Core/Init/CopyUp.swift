// CopyUp owns `tmpcopyup`: what the image has at a place is copied into the tmpfs that covers it.
import CLinux
import Faults
import Linux

/// A copy that is going on. The source may be a hostile tree which changes meanwhile: a file is what its open descriptor says
/// it is, names are bytes, and everything has a bound. The target is a file system that nobody else has yet.
struct CopyUp {
    /// The deepest tree, the most bytes and the most files that are copied.
    static let depthMax = 256
    static let bytesMax = 1 << 30
    static let filesMax = 1 << 20

    private var bytesLeft = CopyUp.bytesMax
    private var filesLeft = CopyUp.filesMax

    /// Copies what the directory `from` holds into the root of `to`.
    static func copy(from source: borrowing FileDescriptor, to target: borrowing FileDescriptor) throws(Fault) {
        var copy = CopyUp()
        try attempt("copy") { () throws(Errno) in
            try copy.copyDirectory(try Files.open(".", at: source.rawValue, flags: O_RDONLY | O_DIRECTORY), to: target, depth: 0)
        }
    }

    private mutating func copyDirectory(
        _ source: consuming FileDescriptor, to target: borrowing FileDescriptor, depth: Int
    ) throws(Errno) {
        guard depth < CopyUp.depthMax else { throw .loop }
        let number = source.release()
        guard let stream = fdopendir(number) else {
            let error = Errno.current
            close(number)
            throw error
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = UnsafeRawPointer(entry).advanced(by: CopyUp.nameOffset).assumingMemoryBound(to: CChar.self)
            if strcmp(name, ".") == 0 || strcmp(name, "..") == 0 { continue }
            filesLeft -= 1
            guard filesLeft >= 0 else { throw .noSpace }
            try copyEntry(name, from: number, to: target.rawValue, depth: depth)
        }
    }

    private static let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name)!  // Safe because it is a stored property of a C structure.

    private mutating func copyEntry(_ name: UnsafePointer<CChar>, from source: CInt, to target: CInt, depth: Int) throws(Errno) {
        var status = stat()
        try call { fstatat(source, name, &status, AT_SYMLINK_NOFOLLOW) }
        switch status.kind {
        case .directory:
            try call { mkdirat(target, name, 0o700) }
            let below = try CopyUp.open(name, target, O_RDONLY | O_DIRECTORY)
            let from = try CopyUp.open(name, source, O_RDONLY | O_DIRECTORY)
            status = try from.status()
            try copyDirectory(from, to: below, depth: depth + 1)
        case .regular:
            status = try copyFile(name, source, target)
        case .link:
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
            try call { readlinkat(source, name, &buffer, Int(PATH_MAX)) }
            try call { symlinkat(buffer, target, name) }
        case .fifo, .socket, .characterDevice, .blockDevice, nil:
            return
        }
        try call { fchownat(target, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) }
        if status.kind != .link { try call { fchmodat(target, name, status.st_mode & 0o7777, 0) } }
    }

    /// Returns what the file is that was copied: whoever changes names meanwhile gives none the mode and owner of another.
    private mutating func copyFile(_ name: UnsafePointer<CChar>, _ source: CInt, _ target: CInt) throws(Errno) -> stat {
        let from = try CopyUp.open(name, source, O_RDONLY | O_NONBLOCK)
        let status = try from.status()
        // It was a file when it was looked at; a device that took its place has no end.
        guard status.kind == .regular else { throw .invalid }
        let to = try CopyUp.open(name, target, O_WRONLY | O_CREAT | O_EXCL)
        while true {
            let copied = try call { sendfile(to.rawValue, from.rawValue, nil, 1 << 20) }
            if copied == 0 { return status }
            bytesLeft -= copied
            guard bytesLeft >= 0 else { throw .noSpace }
        }
    }

    private static func open(_ name: UnsafePointer<CChar>, _ directory: CInt, _ flags: CInt) throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try call { cais_openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, 0o600) })
    }
}
