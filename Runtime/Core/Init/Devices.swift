// Devices owns /dev of the container: nodes, links and the console, all made with *at() calls on
// directories that were opened inside the root.
import CLinux
import Faults
import Linux

enum Devices {
    /// A /dev that is a link is refused: what would be made, and removed, where it leads is in some volume of the container's.
    static func make(_ plan: DevicePlan, in tree: borrowing RootTree, prepared: inout PreparedTrees) throws(Fault) {
        let dev = try attempt("open /dev") { () throws(Errno) in try tree.target("/dev", isDirectory: true, reach: .beneathNoLinks) }
        for device in plan.devices {
            do throws(Fault) { try make(device, dev: dev, tree: tree, prepared: &prepared) } catch {
                throw error.within("make device \(device.path)")
            }
        }
        try link(plan.links, in: dev)
        try linkMultiplexer(in: dev)
    }

    private static func make(
        _ device: PlannedDevice, dev: borrowing FileDescriptor, tree: borrowing RootTree, prepared: inout PreparedTrees
    ) throws(Fault) {
        guard let slash = device.path.lastIndex(of: "/") else { return }
        let name = String(device.path[device.path.index(after: slash)...])
        let parentPath = String(device.path[..<slash])
        if parentPath == "/dev" { return try make(device, name: name, in: dev, prepared: &prepared) }
        let parent = try attempt("open \(parentPath)") { () throws(Errno) in
            try tree.target(parentPath.isEmpty ? "." : parentPath, isDirectory: true)
        }
        try make(device, name: name, in: parent, prepared: &prepared)
    }

    private static func make(
        _ device: PlannedDevice, name: String, in parent: borrowing FileDescriptor, prepared: inout PreparedTrees
    ) throws(Fault) {
        if let copy = prepared.take(.device(device.path)) { return try bind(copy, name: name, in: parent) }
        let directory = parent.rawValue
        let number = cais_makedev(device.major, device.minor)
        do throws(Errno) {
            try call { mknodat(directory, name, device.fileKind.modeBits | mode_t(device.mode), dev_t(number)) }
        } catch {
            if error == .exists { return try check(device, name: name, in: directory, number: number) }
            guard error == .notPermitted else { throw Fault(error, "mknod") }
            let copy = try attempt("open") { () throws(Errno) in try Mount.copy(device.path, recursive: false) }
            return try bind(copy, name: name, in: parent)
        }
        guard device.uid != 0 || device.gid != 0 else { return }
        try attempt("chown") { () throws(Errno) in
            try call { fchownat(directory, name, device.uid, device.gid, AT_SYMLINK_NOFOLLOW) }
        }
    }

    /// Something is there already: it must be that device (config-linux.md, devices).
    private static func check(_ device: PlannedDevice, name: String, in directory: CInt, number: UInt64) throws(Fault) {
        var status = stat()
        try attempt("stat") { () throws(Errno) in try call { fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) } }
        let isSame = status.kind == device.fileKind && (device.kind == .fifo || UInt64(status.st_rdev) == number)
        guard isSame else { throw Fault(.conflict, "another file is there already", errno: EEXIST) }
    }

    /// Where nodes cannot be made, the host's node is bound over an empty file.
    private static func bind(_ copy: borrowing FileDescriptor, name: String, in parent: borrowing FileDescriptor) throws(Fault) {
        let directory = parent.rawValue
        try attempt("bind") { () throws(Errno) in
            do throws(Errno) { _ = try Files.open(name, at: directory, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o666) } catch {
                if error != .exists { throw error }
            }
            let target = try Files.open(name, at: directory, flags: O_PATH | O_NOFOLLOW)
            guard try target.status().kind != .link else { throw .loop }
            try Mount.attach(copy, to: target)
        }
    }

    private static func link(_ links: [DevicePlan.Link], in dev: borrowing FileDescriptor) throws(Fault) {
        for link in links {
            do throws(Errno) { try call { symlinkat(link.target, dev.rawValue, link.name) } } catch {
                if error != .exists { throw Fault(error, "link /dev/\(link.name)") }
            }
        }
    }

    /// /dev/ptmx is the container's own: a node of the image would be the host's multiplexer.
    private static func linkMultiplexer(in dev: borrowing FileDescriptor) throws(Fault) {
        _ = unlinkat(dev.rawValue, "ptmx", 0)
        do throws(Errno) { try call { symlinkat("pts/ptmx", dev.rawValue, "ptmx") } } catch {
            if error != .exists { throw Fault(error, "link /dev/ptmx") }
        }
    }
}

extension PlannedDevice {
    /// What its node is to stat(2).
    var fileKind: FileKind {
        switch kind {
        case .character: .characterDevice
        case .block: .blockDevice
        case .fifo: .fifo
        }
    }
}
