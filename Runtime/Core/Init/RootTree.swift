// RootTree owns the container's file tree while it is built: it is attached, so mounts can be put
// into it, and every place in it is reached from its root by openat2(2), never by a path from `/`.
// Needs CAP_SYS_ADMIN in the user namespace of the mount namespace; all of it happens before pivot_root.
import CLinux
import Faults
import Linux

struct RootTree: ~Copyable {
    let root: FileDescriptor

    /// How deep a chain of links that lead nowhere yet may be, while directories are made.
    static let linksMax = 40

    /// Makes the copy of `path` the tree, over the old root: pivot_root(2) wants a mount point, and
    /// this one exists everywhere and needs no right to walk to `path`.
    /// - Parameters:
    ///   - prepared: the copy, where it was made before (in a user namespace it cannot be made here).
    ///   - propagation: of the mounts of the host as this namespace sees them.
    static func attach(path: String, prepared: CInt?, propagation: Propagation) throws(Fault) -> RootTree {
        try attempt("make mounts \(propagation)") { () throws(Errno) in
            try Mount.change(AT_FDCWD, path: "/", recursive: true, propagation: propagation)
        }
        var number = prepared ?? -1
        if prepared == nil { number = try RootTree.copy(path).release() }
        let root = FileDescriptor(owning: number)
        try attempt("attach root \(path)") { () throws(Errno) in try Mount.attach(root, path: "/") }
        return RootTree(root: root)
    }

    /// Makes the copy of `path` the tree in a mount namespace that others use too: private, so that
    /// nothing shows elsewhere, and attached at `place`, which is nobody else's and goes with its mount.
    static func attach(path: String, at place: String) throws(Fault) -> RootTree {
        let root = try RootTree.copy(path)
        try attempt("attach root \(path) at \(place)") { () throws(Errno) in
            try Mount.change(root.rawValue, recursive: true, propagation: .private)
            try Mount.attach(root, path: place)
        }
        return RootTree(root: root)
    }

    /// Makes the tree the root of this process alone (chroot(2)).
    func becomeRoot() throws(Fault) { try RootTree.becomeRoot(root.rawValue) }

    /// Makes an open directory the root of this process alone. Needs CAP_SYS_CHROOT.
    static func becomeRoot(_ directory: CInt) throws(Fault) {
        try attempt("chroot") { () throws(Errno) in
            try call { fchdir(directory) }
            try call { chroot(".") }
        }
    }

    /// The detached copy of a root file system.
    static func copy(_ path: String) throws(Fault) -> FileDescriptor {
        let tree = try attempt("open root \(path)") { () throws(Errno) in try Mount.copy(path, recursive: true) }
        let status = try attempt("open root \(path)") { () throws(Errno) in try tree.status() }
        guard status.kind == .directory else { throw Fault(Errno.notDirectory, "open root \(path)") }
        return tree
    }

    /// Opens what is at `path` inside (O_PATH); links are followed inside the root.
    func open(_ path: String, reach: Files.Reach = .inRoot, directory: Bool = false) throws(Errno) -> FileDescriptor {
        // Without the leading slash: a path from `/` is an escape to RESOLVE_BENEATH.
        let relative = path.drop { $0 == "/" }
        return try Files.openBeneath(root, relative.isEmpty ? "." : String(relative), reach: reach, flags: O_PATH | (directory ? O_DIRECTORY : 0))
    }

    /// Opens the place for a mount, and makes it, with `mode` where it is a directory, and what is missing above it.
    func target(
        _ path: String, isDirectory: Bool, reach: Files.Reach = .inRoot, mode: mode_t = 0o755
    ) throws(Errno) -> FileDescriptor {
        do throws(Errno) { return try open(path, reach: reach, directory: isDirectory) } catch {
            guard error == .noEntry else { throw error }
        }
        return try make(path.split(separator: "/").map(String.init), isDirectory: isDirectory, mode: mode, links: 0)
    }

    /// Walks down, one directory made at a time in the one opened before it.
    private func make(_ parts: [String], isDirectory: Bool, mode: mode_t, links: Int) throws(Errno) -> FileDescriptor {
        var parent = try root.duplicate()
        var path = ""
        for (index, part) in parts.enumerated() {
            path += index == 0 ? part : "/" + part
            let isLast = index == parts.count - 1
            let wantsDirectory = !isLast || isDirectory
            do throws(Errno) {
                parent = try open(path, directory: wantsDirectory)
                continue
            } catch { guard error == .noEntry else { throw error } }
            if let target = linkTarget(part, in: parent) {
                guard links < RootTree.linksMax else { throw .loop }
                let base = target.hasPrefix("/") ? [] : Array(parts[..<index])
                let resolved = RootTree.clean(base + target.split(separator: "/").map(String.init)) + parts[(index + 1)...]
                return try make(resolved, isDirectory: isDirectory, mode: mode, links: links + 1)
            }
            parent = wantsDirectory ? try makeDirectory(part, in: parent, mode: isLast ? mode : 0o755) : try makeFile(part, in: parent)
        }
        return parent
    }

    /// `..` above the root stays at the root, as it does for the kernel.
    private static func clean(_ parts: [String]) -> [String] {
        parts.reduce(into: []) { result, part in
            if part == ".." { _ = result.popLast() } else if part != "." { result.append(part) }
        }
    }

    private func linkTarget(_ name: String, in parent: borrowing FileDescriptor) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(parent.rawValue, name, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func makeDirectory(_ name: String, in parent: borrowing FileDescriptor, mode: mode_t) throws(Errno) -> FileDescriptor {
        let number = parent.rawValue
        do throws(Errno) { try call { mkdirat(number, name, mode) } } catch { if error != .exists { throw error } }
        return try Files.open(name, at: number, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW)
    }

    private func makeFile(_ name: String, in parent: borrowing FileDescriptor) throws(Errno) -> FileDescriptor {
        let number = parent.rawValue
        let file = try Files.open(name, at: number, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
        _ = consume file
        return try Files.open(name, at: number, flags: O_PATH | O_NOFOLLOW)
    }
}
