// FileSystems owns the making of new file systems where the kernel has conditions for it: those that
// show a namespace are for that namespace's owner, and in a user namespace they show no more than
// what was visible outside.
import CLinux
import Faults
import Linux

extension Mounting {
    /// A detached file system.
    func makeFileSystem(
        _ type: String, source: String, parameters: [Mount.Parameter], attributes: MountAttributes
    ) throws(Fault) -> FileDescriptor {
        do throws(MountError) {
            return try Mount.make(type: type, source: source, parameters: parameters, attributes: attributes)
        } catch {
            if type == "devpts" && error.errno == .invalid, let fewer = Mounting.withoutGroup(parameters) {
                return try attemptMount("make file system") { () throws(MountError) in
                    try Mount.make(type: type, source: source, parameters: fewer, attributes: attributes)
                }
            }
            guard error.errno == .notPermitted, let shown = Mounting.shownNamespaces[type] else { throw Fault(error, "make file system") }
            if !namespaces.contains(shown.kind) { return try bindHosts(shown.path, type, attributes) }
            throw Mounting.explain(error, type)
        }
    }

    /// File systems that show a namespace, and where the host has them.
    private static let shownNamespaces: [String: (kind: NamespaceSet, path: String)] = [
        "proc": (.pid, "/proc"), "sysfs": (.network, "/sys"), "mqueue": (.ipc, "/dev/mqueue"),
    ]

    /// Every configuration gives terminals to group 5, which a user's own ids do not have; then
    /// they belong to their opener's group. nil where no group is named.
    private static func withoutGroup(_ parameters: [Mount.Parameter]) -> [Mount.Parameter]? {
        let fewer = parameters.filter { $0.key != "gid" }
        return fewer.count < parameters.count ? fewer : nil
    }

    /// A namespace that is the host's: what the host has mounted shows it too.
    private func bindHosts(_ path: String, _ type: String, _ attributes: MountAttributes) throws(Fault) -> FileDescriptor {
        try within("bind the host's \(path), since the container shares the namespace it shows") { () throws(Fault) in
            let copy = try PreparedTrees.copy(path, recursive: true)
            let magic = try attempt("stat") { () throws(Errno) in try Mount.fileSystemType(of: copy) }
            guard magic == Mounting.magic[type] else { throw Fault(.unsupported, "it is no \(type)") }
            try attempt("set properties") { () throws(Errno) in
                // How access times are kept is locked.
                try Mount.change(copy.rawValue, recursive: true, set: attributes.subtracting(.accessTimeField), propagation: .slave)
            }
            return copy
        }
    }

    /// statfs(2), f_type.
    private static let magic: [String: Int] = ["proc": Procfs.fileSystemType, "sysfs": 0x6265_6572, "mqueue": 0x1980_0202]

    private static func explain(_ error: MountError, _ type: String) -> Fault {
        let fault = Fault(error, "make file system")
        guard type != "mqueue" else { return fault }
        let path = type == "proc" ? "/proc" : "/sys"
        return Fault(
            fault.kind,
            "the kernel makes no \(type) for a user namespace while all that is visible of \(path) here has parts covered or read-only, "
                + "as in a container: that one must be run with its \(path) unmasked (docker: --security-opt systempaths=unconfined; podman: --security-opt unmask=ALL)",
            errno: error.errno.rawValue, trail: fault.trail)
    }
}
