// PreparedTrees owns the detached copies of the host's mounts that are made before init becomes
// root of a user namespace: by the runtime, which may reach more of the host, or, where the kernel
// does not let that copy mounts, by init while it is still the user who called.
import CLinux
import Faults
import Linux
import OCISpec

/// Descriptors of detached trees. Mounts are indexed as the plan's.
struct PreparedTrees: Sendable {
    var root: CInt?
    var mounts: [Int: CInt] = [:]
    /// The user namespaces whose mapping file systems that init makes have; indexed as mounts.
    var idMaps: [Int: CInt] = [:]
    /// By the device's path on the host.
    var devices: [String: CInt] = [:]
    /// By the name of the hierarchy's directory.
    var cgroups: [String: CInt] = [:]
    /// What to warn of.
    var notes: [String] = []

    /// Closes what is left, in the process that does not use it.
    consuming func closeAll() {
        if let root { close(root) }
        for number in Array(mounts.values) + Array(idMaps.values) + Array(devices.values) + Array(cgroups.values) { close(number) }
    }

    /// Makes all that the plan has to have made beforehand: nearly nothing without a user namespace.
    static func make(_ plan: ContainerPlan, view: CgroupView?) throws(Fault) -> PreparedTrees {
        var trees = PreparedTrees()
        let isInUserNamespace = plan.namespaces.all.contains(.user)
        guard plan.hasOwnTree else { return trees }
        if isInUserNamespace {
            let root = try RootTree.copy(plan.rootPath)
            try separate(root, plan.rootPath)
            trees.root = root.release()
        }
        for (index, mount) in plan.mounts.enumerated() {
            if case .fileSystem = mount.source, let mapping = mount.idMapping {
                trees.idMaps[index] = try within(mount.name) { () throws(Fault) in try IDMappedMounts.namespace(of: mapping).release() }
            }
            guard case .bind(let path, let recursive) = mount.source else { continue }
            guard isInUserNamespace || mount.sharesWithHost || mount.idMapping != nil else { continue }
            trees.mounts[index] = try within("mounts[\(index)]: \(mount.name)") { () throws(Fault) in
                let copy = try copy(path, recursive: recursive)
                if isInUserNamespace { try separate(copy, path) }
                trees.notes += try Mounting.apply(mount, to: copy)
                return copy.release()
            }
        }
        guard isInUserNamespace else { return trees }
        for device in plan.devices?.devices ?? [] where device.kind != .fifo {
            // One that the host lacks is left for mknod(2) to report.
            guard let copy = try? Mount.copy(device.path, recursive: false) else { continue }
            try separate(copy, device.path)
            trees.devices[device.path] = copy.release()
        }
        for mount in plan.mounts where mount.source == .cgroup {
            for path in view?.paths ?? [] {
                trees.cgroups[path] = try within(mount.name) { () throws(Fault) in
                    let copy = try copy(path, recursive: false)
                    try separate(copy, path)
                    trees.notes += try Mounting.apply(mount, to: copy)
                    return copy.release()
                }
            }
        }
        return trees
    }

    /// Nothing that a mapped root mounts may appear on the host, and where the host's mounts are
    /// shared (systemd makes them so) a copy is their peer. What the host mounts later still arrives.
    private static func separate(_ tree: borrowing FileDescriptor, _ path: String) throws(Fault) {
        let number = tree.rawValue
        try attempt("separate \(path) from the host's mounts") { () throws(Errno) in
            try Mount.change(number, recursive: true, propagation: .slave)
        }
    }

    /// A copy of what is at `path` on the host.
    static func copy(_ path: String, recursive: Bool) throws(Fault) -> FileDescriptor {
        do throws(Errno) { return try Mount.copy(path, recursive: recursive) } catch {
            guard error == .invalid && !recursive else { throw Fault(error, "open \(path)") }
            // Without what is mounted beneath, a place would show that the host has covered.
            throw Fault(
                .unsupported, "it has mounts beneath it, which a user namespace may copy with it only: rbind instead of bind is needed",
                errno: error.rawValue, trail: ["open \(path)"])
        }
    }
}
