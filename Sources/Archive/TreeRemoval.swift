import CLinux
import Linux

/// Removes trees that somebody hostile may have made. It holds a bounded number of descriptors
/// however deep the tree is: what lies too deep is first moved up.
package enum TreeRemoval {
    /// How many levels are walked into before a directory is moved up instead.
    static let levelsMax = 32

    /// Removes the file or directory at `path`; missing is done.
    package static func remove(path: String) throws(Errno) {
        let name = Array(path.utf8).cText
        try remove(name, at: AT_FDCWD)
    }

    /// Removes `name` in `parent` with all it holds. Links are removed, not followed; a file system
    /// mounted inside is the kernel's EBUSY.
    static func remove(_ name: [CChar], at parent: CInt) throws(Errno) {
        if unlinkat(parent, name, 0) == 0 { return }
        let error = Errno.current
        if error == .noEntry { return }
        guard error == .isDirectory || error == .notPermitted else { throw error }
        let top = try openDirectory(name, at: parent)
        var moved = 0
        // Moving up makes new entries at the top: go on until a pass leaves nothing.
        repeat { moved = 0; try empty(top.rawValue, top: top.rawValue, level: 0, moved: &moved) } while moved > 0
        try call { unlinkat(parent, name, AT_REMOVEDIR) }
    }

    private static func empty(_ directory: CInt, top: CInt, level: Int, moved: inout Int) throws(Errno) {
        let copy = try call { cais_openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        guard let stream = fdopendir(copy) else {
            let error = Errno.current
            close(copy)
            throw error
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                Array(bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }) + [0]
            }
            if name == [0x2e, 0] || name == [0x2e, 0x2e, 0] { continue }
            if unlinkat(directory, name, 0) == 0 { continue }
            let error = Errno.current
            guard error == .isDirectory || error == .notPermitted else { throw error }
            if unlinkat(directory, name, AT_REMOVEDIR) == 0 { continue }
            if level >= levelsMax {
                try moveUp(name, from: directory, to: top)
                moved += 1
                continue
            }
            let child = try openDirectory(name, at: directory)
            try empty(child.rawValue, top: top, level: level + 1, moved: &moved)
            try call { unlinkat(directory, name, AT_REMOVEDIR) }
        }
    }

    private static func moveUp(_ name: [CChar], from directory: CInt, to top: CInt) throws(Errno) {
        // A name nobody chose: the tree is dead, so a clash can only be with an earlier move.
        for attempt in 0..<1_000 {
            let fresh = Array(".cais-removing-\(getpid())-\(UInt64.random(in: .min ... .max))-\(attempt)".utf8).cText
            if renameat(directory, name, top, fresh) == 0 { return }
            if Errno.current != .exists && Errno.current != .notEmpty { throw Errno.current }
        }
        throw .exists
    }

    private static func openDirectory(_ name: [CChar], at parent: CInt) throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try call { cais_openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0) })
    }
}
