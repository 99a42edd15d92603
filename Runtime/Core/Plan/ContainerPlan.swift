// ContainerPlan owns everything that is decided about a container before anything is done: it
// is made from a configuration by pure functions, and carried out by the init process.
import Faults
import Linux
import OCISpec

/// What a container will be.
struct ContainerPlan: Sendable {
    let id: String
    let spec: RuntimeSpec
    /// Absolute, as is the root below.
    let bundle: String
    let rootPath: String
    let isRootReadOnly: Bool
    let rootPropagation: MountOptions.PropagationChange?
    let namespaces: NamespacePlan
    let mounts: [PlannedMount]
    let devices: DevicePlan?
    let maskedPaths: [String]
    let readOnlyPaths: [String]
    let sysctls: [PlannedSysctl]
    let memoryPolicy: MemoryPolicyPlan?
    let netDevices: [PlannedNetDevice]
    let resctrl: ResctrlPlan?

    /// Whether the mount namespace is the container's alone. Where it is the runtime's, or one that
    /// is joined, the file tree is built beside what is there, and chroot(2) takes the place of pivot_root(2).
    var hasOwnTree: Bool { namespaces.created.contains(.mount) }

    /// Whether init can do nothing until the runtime has: map its ids, move devices to it, put it in its resctrl group.
    var waitsForRuntime: Bool { namespaces.created.contains(.user) || !netDevices.isEmpty || resctrl != nil }

    static func make(id: String, spec: RuntimeSpec, bundle: String) throws(Fault) -> ContainerPlan {
        try Validation.check(spec)
        guard let root = spec.root else { throw Fault(.invalidArgument, "config.json: root must be specified") }
        let namespaces = try NamespacePlan.make(spec.linux)
        if spec.hostname != nil && !namespaces.all.contains(.uts) {
            throw Fault(.invalidArgument, "unable to set hostname without a private UTS namespace")
        }
        if spec.domainname != nil && !namespaces.all.contains(.uts) {
            throw Fault(.invalidArgument, "unable to set domainname without a private UTS namespace")
        }
        let mounts = try MountPlan.make(spec, bundle: bundle)
        return ContainerPlan(
            id: id, spec: spec, bundle: bundle,
            rootPath: root.path.hasPrefix("/") ? root.path : "\(bundle)/\(root.path)",
            isRootReadOnly: root.readonly ?? false,
            rootPropagation: try propagation(spec.linux?.rootfsPropagation), namespaces: namespaces, mounts: mounts,
            devices: try DevicePlan.make(spec, mounts: mounts),
            maskedPaths: try absolute(spec.linux?.maskedPaths, "maskedPaths"),
            readOnlyPaths: try absolute(spec.linux?.readonlyPaths, "readonlyPaths"),
            sysctls: try SysctlPlan.make(spec, namespaces: namespaces.all),
            memoryPolicy: try MemoryPolicyPlan.make(spec.linux?.memoryPolicy),
            netDevices: try NetDevicePlan.make(spec.linux?.netDevices, namespaces: namespaces),
            resctrl: try ResctrlPlan.make(spec.linux?.intelRdt, id: id))
    }

    private static func propagation(_ word: String?) throws(Fault) -> MountOptions.PropagationChange? {
        guard let word, !word.isEmpty else { return nil }
        guard let change = MountOptions.PropagationChange(word) else {
            throw Fault(.invalidArgument, "rootfsPropagation \"\(word)\" is not supported")
        }
        // The tree beneath the root follows it, as the peers do it.
        return .init(propagation: change.propagation, recursive: true)
    }

    private static func absolute(_ paths: [String]?, _ name: String) throws(Fault) -> [String] {
        for path in paths ?? [] where !path.hasPrefix("/") {
            throw Fault(.invalidArgument, "linux.\(name): \"\(path)\" is not an absolute path")
        }
        return try (paths ?? []).map { path throws(Fault) in try MountPlan.clean(path) }
    }
}
