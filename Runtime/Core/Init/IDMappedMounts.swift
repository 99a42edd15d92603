// IDMappedMounts owns the user namespaces that give a mount another view of its owners.
import CLinux
import Faults
import Linux
import OCISpec

enum IDMappedMounts {
    /// Maps the owners of a detached tree. Needs CAP_SYS_ADMIN over the file system's user namespace.
    static func apply(
        uid: [RuntimeSpec.Linux.IDMapping], gid: [RuntimeSpec.Linux.IDMapping], to tree: CInt, recursive: Bool
    ) throws(Fault) {
        let namespace = try makeNamespace(uid: NamespacePlan.lines(uid), gid: NamespacePlan.lines(gid))
        try attempt("map ids") { () throws(Errno) in
            try Mount.change(tree, recursive: recursive, set: .idMapped, userNamespace: namespace.rawValue)
        }
    }

    /// A user namespace with nobody in it: a child makes it, waits to be mapped, and is ended.
    private static func makeNamespace(uid: String, gid: String) throws(Fault) -> FileDescriptor {
        try attempt("make user namespace for id mapping") { () throws(Errno) in
            guard case .parent(let child, let pidfd) = try Clone.fork(namespaces: .user) else {
                while true { pause() }
            }
            let process = Pidfd(owning: pidfd)
            defer {
                // The child only waits; it cannot be gone, and if it were that is what is wanted.
                try? process.send(signal: SIGKILL)
                _ = Hooks.reap(child)
            }
            try IDMaps.write(uid: uid, gid: gid, of: child)
            return try Files.open("/proc/\(child)/ns/user")
        }
    }
}

/// Writes the id maps of a process that waits in a new user namespace.
enum IDMaps {
    static func write(uid: String, gid: String, of pid: pid_t) throws(Errno) {
        // Without privileges the kernel wants setgroups(2) given up first (user_namespaces(7)).
        if geteuid() != 0 { try put("deny", "/proc/\(pid)/setgroups") }
        try put(gid, "/proc/\(pid)/gid_map")
        try put(uid, "/proc/\(pid)/uid_map")
    }

    /// In one write(2), as the kernel demands.
    private static func put(_ text: String, _ path: String) throws(Errno) {
        let file = try Files.open(path, flags: O_WRONLY)
        let bytes = Array(text.utf8)
        try call { bytes.withUnsafeBytes { CLinux.write(file.rawValue, $0.baseAddress, $0.count) } }
    }
}
