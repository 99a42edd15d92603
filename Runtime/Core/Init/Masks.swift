// Masks owns the places that a container may not read or not write: covered or made read-only by
// descriptor, with sources that were checked to be what they are taken for.
import CLinux
import Faults
import Linux

enum Masks {
    /// Covers files with /dev/null and directories with one empty directory that all of them share.
    static func hide(_ paths: [String], in tree: borrowing RootTree) throws(Fault) {
        if paths.isEmpty { return }
        var null = Cover(mount: try verifiedNull(in: tree))
        var empty: Cover?
        for path in paths {
            do throws(Fault) {
                guard let target = try existing(path, in: tree) else { continue }
                let status = try attempt("stat") { () throws(Errno) in try target.status() }
                let isDirectory = status.kind == .directory
                if isDirectory && empty == nil { empty = Cover(mount: try emptyDirectory()) }
                try attempt("cover") { () throws(Errno) in
                    if isDirectory { try empty?.put(on: target) } else { try null.put(on: target) }
                }
            } catch { throw error.within("mask \(path)") }
        }
    }

    /// A mount that covers several places. A detached mount cannot be cloned before Linux 6.15: the
    /// first place gets the mount itself, each later one a clone of it where it is attached.
    private struct Cover: ~Copyable {
        let mount: FileDescriptor
        private var isAttached = false

        init(mount: consuming FileDescriptor) { self.mount = mount }

        mutating func put(on target: borrowing FileDescriptor) throws(Errno) {
            if isAttached { return try Mount.attach(try Mount.copy("", at: mount.rawValue, recursive: false), to: target) }
            try Mount.attach(mount, to: target)
            isAttached = true
        }
    }

    /// Makes what is beneath these paths read-only.
    static func protect(_ paths: [String], in tree: borrowing RootTree) throws(Fault) {
        for path in paths {
            do throws(Fault) {
                guard let target = try existing(path, in: tree) else { continue }
                try attempt("cover") { () throws(Errno) in
                    let copy = try Mount.copy("", at: target.rawValue, recursive: true)
                    try Mount.change(copy.rawValue, recursive: true, set: .readOnly)
                    try Mount.attach(copy, to: target)
                }
            } catch { throw error.within("make \(path) read-only") }
        }
    }

    /// What is at `path`; nil where nothing is, which is as good as hidden.
    private static func existing(_ path: String, in tree: borrowing RootTree) throws(Fault) -> FileDescriptor? {
        do throws(Errno) { return try tree.open(path) } catch {
            if error == .noEntry || error == .notDirectory { return nil }
            throw Fault(error, "open")
        }
    }

    /// The container's /dev/null, once it was seen to be the null device and no link to another
    /// file (CVE-2025-31133); the host's, read-only, where the container has none.
    private static func verifiedNull(in tree: borrowing RootTree) throws(Fault) -> FileDescriptor {
        if let file = try? tree.open("dev/null", reach: .beneathNoLinks), isNull(file) /* else the host's */ {
            return try attempt("open /dev/null") { () throws(Errno) in try Mount.copy("", at: file.rawValue, recursive: false) }
        }
        let copy = try attempt("open /dev/null") { () throws(Errno) in try Mount.copy("/dev/null", recursive: false, follow: false) }
        guard isNull(copy) else { throw Fault(.failed, "/dev/null of the host is not the null device") }
        try attempt("make /dev/null read-only") { () throws(Errno) in try Mount.change(copy.rawValue, set: .readOnly) }
        return copy
    }

    private static func isNull(_ file: borrowing FileDescriptor) -> Bool {
        guard let status = try? file.status() else { return false }  // unreadable is not null
        return status.kind == .characterDevice && UInt64(status.st_rdev) == cais_makedev(1, 3)
    }

    /// A directory with nothing in it, that nobody can write to.
    private static func emptyDirectory() throws(Fault) -> FileDescriptor {
        try attemptMount("make empty directory") { () throws(MountError) in
            try Mount.make(
                type: "tmpfs", source: "tmpfs", parameters: [.value("mode", "755"), .value("size", "4k"), .value("nr_inodes", "2")],
                attributes: [.readOnly, .noSetUID, .noDevices, .noExecute])
        }
    }
}
