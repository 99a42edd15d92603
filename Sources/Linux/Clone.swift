import CLinux

/// Makes processes by clone3(2). Only sound in a program with one thread: the child goes on with
/// a copy of all memory, and a lock that another thread held would stay held in it for ever.
public enum Clone {
    /// Which of the two processes has returned from ``fork(namespaces:sibling:sharesDescriptors:into:)``.
    public enum Side: Sendable {
        /// The one that called; `pidfd` is the caller's to close.
        case parent(child: pid_t, pidfd: CInt)
        /// The new one.
        case child
    }

    /// Forks straight into new namespaces.
    /// - Parameters:
    ///   - namespaces: the kinds that are made new for the child.
    ///   - sibling: the child's parent is the caller's parent (CLONE_PARENT).
    ///   - sharesDescriptors: the two have one table of descriptors, until one of them executes a program (CLONE_FILES).
    ///   - cgroup: a descriptor of the cgroup v2 directory that the child is born in.
    /// - Throws: `Errno`; `.again` when a process limit is reached.
    public static func fork(
        namespaces: NamespaceSet = [], sibling: Bool = false, sharesDescriptors: Bool = false, into cgroup: CInt? = nil
    ) throws(Errno) -> Side {
        var flags = namespaces.cloneFlags | cais_clone_pidfd
        if sibling { flags |= cais_clone_parent }
        if sharesDescriptors { flags |= cais_clone_files }
        if cgroup != nil { flags |= UInt64(CAIS_CLONE_INTO_CGROUP) }
        var pidfd: CInt = -1
        let child = cais_clone3(flags, &pidfd, sibling ? 0 : SIGCHLD, cgroup ?? 0)
        if child < 0 { throw Errno.current }
        return child == 0 ? .child : .parent(child: child, pidfd: pidfd)
    }

    /// Forks as ``fork(namespaces:sibling:sharesDescriptors:into:)`` does into nothing new, by clone(2) where a system
    /// call filter around this process forbids clone3(2), whose arguments no filter can see.
    public static func forkPlain() throws(Errno) -> Side {
        do throws(Errno) { return try fork() } catch {
            guard error == .noSystemCall || error == .notPermitted else { throw error }
        }
        var pidfd: CInt = -1
        let child = cais_clone(&pidfd)
        if child < 0 { throw Errno.current }
        return child == 0 ? .child : .parent(child: child, pidfd: pidfd)
    }

    /// Ends the program where it has more than the one thread that ``fork(namespaces:sibling:sharesDescriptors:into:)``
    /// relies on. Without /proc that is not known, and taken for granted.
    public static func requireOneThread() {
        var status = stat()
        guard stat("/proc/self/task", &status) == 0 else { return }
        // A directory has two links and one for each directory in it (proc_pid_task(5)).
        precondition(status.st_nlink == 3, "a container's init can be made by a program with one thread only")
    }
}
