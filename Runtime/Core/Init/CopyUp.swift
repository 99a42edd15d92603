// CopyUp owns `tmpcopyup`: what the image has at a place is copied into the tmpfs that covers it.
import CLinux
import Faults
import Linux

enum CopyUp {
    /// The deepest tree and the most bytes that are copied.
    static let depthMax = 256
    static let bytesMax = 1 << 30

    /// Copies what the directory `from` holds into the root of `to`.
    static func copy(from source: borrowing FileDescriptor, to target: borrowing FileDescriptor) throws(Fault) {
        var budget = bytesMax
        try attempt("copy") { () throws(Errno) in
            let readable = try Files.open(".", at: source.rawValue, flags: O_RDONLY | O_DIRECTORY)
            try copyDirectory(readable, to: target, depth: 0, budget: &budget)
        }
    }

    private static func copyDirectory(
        _ source: borrowing FileDescriptor, to target: borrowing FileDescriptor, depth: Int, budget: inout Int
    ) throws(Errno) {
        guard depth < depthMax else { throw .loop }
        for name in try names(in: source) {
            var status = stat()
            try call { fstatat(source.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) }
            let kind = status.kind
            if kind == .directory {
                try call { mkdirat(target.rawValue, name, 0o700) }
                let from = try Files.open(name, at: source.rawValue, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                let to = try Files.open(name, at: target.rawValue, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                try copyDirectory(from, to: to, depth: depth + 1, budget: &budget)
            } else if kind == .regular {
                budget -= Int(status.st_size)
                guard budget >= 0 else { throw .noSpace }
                try copyFile(name, source.rawValue, target.rawValue)
            } else if kind == .link {
                var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
                try call { readlinkat(source.rawValue, name, &buffer, Int(PATH_MAX)) }
                try call { symlinkat(buffer, target.rawValue, name) }
            } else {
                continue
            }
            try call { fchownat(target.rawValue, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) }
            if kind != .link { try call { fchmodat(target.rawValue, name, status.st_mode & 0o7777, 0) } }
        }
    }

    private static func copyFile(_ name: String, _ source: CInt, _ target: CInt) throws(Errno) {
        let from = try Files.open(name, at: source, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        let to = try Files.open(name, at: target, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        while try call({ sendfile(to.rawValue, from.rawValue, nil, 1 << 20) }) > 0 {}
    }

    private static func names(in directory: borrowing FileDescriptor) throws(Errno) -> [String] {
        let copy = try Files.open(".", at: directory.rawValue, flags: O_RDONLY | O_DIRECTORY).release()
        guard let stream = fdopendir(copy) else {
            let error = Errno.current
            close(copy)
            throw error
        }
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
}
