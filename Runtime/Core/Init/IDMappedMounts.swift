// IDMappedMounts owns the user namespaces that give a mount another view of its owners.
import CLinux
import Faults
import Linux
import OCISpec

enum IDMappedMounts {
    /// Maps the owners of a detached tree. Needs CAP_SYS_ADMIN over the file system's user namespace.
    static func apply(_ mapping: PlannedMount.IDMapping?, to tree: CInt) throws(Fault) {
        guard let mapping else { return }
        try apply(try namespace(of: mapping), to: tree, recursive: mapping.isRecursive)
    }

    /// The user namespace that maps. To be asked for before the process has another root than its mount namespace, where
    /// the kernel makes none.
    static func namespace(of mapping: PlannedMount.IDMapping) throws(Fault) -> FileDescriptor {
        switch mapping {
        case .own(let uid, let gid, _): try makeNamespace(uid: NamespacePlan.lines(uid), gid: NamespacePlan.lines(gid))
        case .joined(let path, _): try attempt("open user namespace \(path)") { () throws(Errno) in try Files.open(path) }
        }
    }

    /// The same with a namespace that was made before.
    static func apply(_ namespace: borrowing FileDescriptor, to tree: CInt, recursive: Bool) throws(Fault) {
        let number = namespace.rawValue
        try attempt("map ids") { () throws(Errno) in try Mount.change(tree, recursive: recursive, set: .idMapped, userNamespace: number) }
    }

    /// A user namespace with nobody in it: a child makes it, waits to be mapped, and is ended.
    private static func makeNamespace(uid: String, gid: String) throws(Fault) -> FileDescriptor {
        try within("make user namespace for id mapping") { () throws(Fault) in
            let parent = getpid()
            guard case .parent(let child, let pidfd) = try attempt("clone", { () throws(Errno) in try Clone.fork(namespaces: .user) }) else {
                // It holds what the runtime holds, the container's lock included, and must not outlive it.
                // Where that fails the loop still ends with the parent, at the next signal.
                try? Identity.setParentDeathSignal(SIGKILL)
                while getppid() == parent { pause() }
                _exit(1)
            }
            let process = Pidfd(owning: pidfd)
            defer {
                // The child only waits; it cannot be gone, and if it were that is what is wanted.
                try? process.send(signal: SIGKILL)
                _ = Hooks.reap(child)
            }
            try IDMaps.write(uid: uid, gid: gid, of: child)
            return try attempt("open it") { () throws(Errno) in try Files.open("/proc/\(child)/ns/user") }
        }
    }
}
