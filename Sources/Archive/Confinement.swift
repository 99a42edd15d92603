// Confinement owns taking away from a worker everything it does not need before it reads the first
// byte. Order matters: each step needs a privilege that the last one gives up.
import CLinux
import Faults
import Linux

/// What a worker keeps of root's power.
enum WorkerPrivilege {
    /// Makes any kind of file for any owner: what a layer holds.
    case makeAnyFile
    /// Writes files of its own.
    case none

    /// CAP_SYS_ADMIN is there only for `trusted.overlay.opaque`.
    var capabilities: CapabilitySet {
        let names: [String] =
            switch self {
            case .makeAnyFile:
                [
                    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD",
                    "CAP_SETFCAP", "CAP_SYS_ADMIN",
                ]
            case .none: []
            }
        return names.reduce(into: []) { set, name in CapabilitySet(name: name).map { set.formUnion($0) } }
    }
}

/// Locks the process into `directory`: own mount, network, IPC and host name namespaces, that
/// directory as the only file system, capabilities and resources cut down. Needs CAP_SYS_ADMIN.
func confine(to directory: CInt, keeping privilege: WorkerPrivilege) throws(Fault) {
    // Cloned before there is a namespace of its own: only a mount of the current one can be.
    let tree = try kernelDescriptor("clone the target's mount") { () throws(Errno) in try Mount.copy("", at: directory, recursive: false) }
    let number = tree.rawValue
    try kernel("enter the target") { () throws(Errno) in
        try Namespaces.unshare([.mount, .network, .ipc, .uts])
        try Mount.change(AT_FDCWD, path: "/", recursive: true, propagation: .private)
        // Nothing in there is to be executed or opened as a device, however it was made.
        try Mount.change(number, set: [.noSetUID, .noDevices, .noExecute])
        try Mount.attach(tree, path: "/")
        try Mount.pivot(into: tree)
    }
    // The descriptor from outside still names a mount of the old namespace, from which `..` leads on.
    try kernel("replace the target's descriptor") { () throws(Errno) in try call { dup3(number, directory, O_CLOEXEC) } }
    try limitResources()
    try kernel("drop capabilities") { () throws(Errno) in
        let kept = privilege.capabilities
        try Capabilities.limitBounding(to: kept)
        try call { cais_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }
        try Capabilities.clearAmbient()
        try ProcessCapabilities(effective: kept, permitted: kept, inheritable: []).apply()
    }
    try WorkerFilter.install()
}

/// Bounds what a worker that was taken over could use up.
private func limitResources() throws(Fault) {
    try limit(RLIMIT_NOFILE, 1_024, "descriptors")
    try limit(RLIMIT_CORE, 0, "core files")
    // xz with its largest dictionary needs 1.5 GiB, everything else a few MiB.
    try limit(RLIMIT_DATA, 2 << 30, "memory")
    try limit(RLIMIT_FSIZE, rlim_t(ArchiveLimits().fileBytesMax), "file size")
}

private func limit(_ resource: __rlimit_resource, _ value: rlim_t, _ name: String) throws(Fault) {
    try kernel("limit \(name)") { () throws(Errno) in
        var current = rlimit()
        try call { getrlimit(resource, &current) }
        let bounded = min(value, current.rlim_max)
        var wanted = rlimit(rlim_cur: bounded, rlim_max: bounded)
        try call { setrlimit(resource, &wanted) }
    }
}

/// ``kernel(_:_:)`` for a call that makes a descriptor.
func kernelDescriptor(_ step: String, _ body: () throws(Errno) -> FileDescriptor) throws(Fault) -> FileDescriptor {
    do { return try body() } catch { throw fault(step, error) }
}
