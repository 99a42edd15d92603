// PreparedTrees owns the detached copies of the host's mounts that are made before init becomes
// root of a user namespace: by the runtime, which may reach more of the host, or, where the kernel
// does not let that copy mounts, by init while it is still the user who called.
import CLinux
import Faults
import Linux
import OCISpec

/// Descriptors of detached trees. Mounts are indexed as the plan's.
struct PreparedTrees: Sendable {
    /// What a copy is for.
    enum Use: Equatable, Sendable {
        /// The mount at this index of the plan.
        case mount(Int)
        /// The mapping of the mount at this index, which is a file system that init makes: its user namespace.
        case idMap(Int)
        /// The device at this path of the host.
        case device(String)
        /// The cgroup directory at this path.
        case cgroup(String)
    }

    var root: CInt?
    private struct Copy: Sendable {
        let use: Use
        let number: CInt
    }

    /// A list: there are few, mostly none, and the first use of each type of dictionary costs more than all looking-up.
    private var copies: [Copy] = []
    /// What to warn of.
    var notes: [String] = []

    /// Closes what is left, in the process that does not use it.
    consuming func closeAll() {
        if let root { close(root) }
        for copy in copies { close(copy.number) }
    }

    /// Gives a copy away, where there is one.
    mutating func take(_ use: Use) -> FileDescriptor? {
        for (index, copy) in copies.enumerated() where copy.use == use {
            copies.remove(at: index)
            return FileDescriptor(owning: copy.number)
        }
        return nil
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
                let number = try within(mount.name) { () throws(Fault) in try IDMappedMounts.namespace(of: mapping).release() }
                trees.copies.append(Copy(use: .idMap(index), number: number))
            }
            guard case .bind(let path, let recursive) = mount.source else { continue }
            guard isInUserNamespace || mount.sharesWithHost || mount.idMapping != nil else { continue }
            let number = try within("mounts[\(index)]: \(mount.name)") { () throws(Fault) in
                let copy = try copy(path, recursive: recursive)
                if isInUserNamespace { try separate(copy, path) }
                trees.notes += try Mounting.apply(mount, to: copy)
                return copy.release()
            }
            trees.copies.append(Copy(use: .mount(index), number: number))
        }
        guard isInUserNamespace else { return trees }
        for device in plan.devices?.devices ?? [] where device.kind != .fifo {
            // One that the host lacks is left for mknod(2) to report.
            guard let copy = try? Mount.copy(device.path, recursive: false) else { continue }
            try separate(copy, device.path)
            trees.copies.append(Copy(use: .device(device.path), number: copy.release()))
        }
        for mount in plan.mounts where mount.source == .cgroup {
            for path in view?.paths ?? [] {
                let number = try within(mount.name) { () throws(Fault) in
                    let copy = try copy(path, recursive: false)
                    try separate(copy, path)
                    trees.notes += try Mounting.apply(mount, to: copy)
                    return copy.release()
                }
                trees.copies.append(Copy(use: .cgroup(path), number: number))
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
