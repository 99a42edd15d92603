// RootChange owns the step that makes the container's tree the root of all it can see.
import CLinux
import Faults
import Linux

enum RootChange {
    /// pivot_root(2): the old root is gone from this mount namespace.
    static func pivot(into tree: borrowing RootTree) throws(Fault) {
        try attempt("pivot_root") { () throws(Errno) in try Mount.pivot(into: tree.root) }
    }

    /// For --no-pivot: chroot(2), but only where pivot_root(2) cannot work, because the root is a
    /// ramdisk that has nothing beneath it to hang a new one on. chroot(2) alone is no wall: with
    /// CAP_SYS_CHROOT a program walks up from its root by `..` when that is mounted somewhere below
    /// the namespace's root, and a user namespace made inside may mount a proc without masks as long
    /// as one without masks is anywhere in the mount namespace. So the tree goes onto the very root
    /// of the namespace, above which there is nothing, and the host's other mounts go.
    /// Needs CAP_SYS_ADMIN and CAP_SYS_CHROOT in the user namespace of the mount namespace.
    static func withoutPivot(into tree: borrowing RootTree) throws(Fault) {
        try attempt("go to the root of the mount namespace") { () throws(Errno) in try leaveChroot(tree) }
        do throws(Errno) { return try Mount.pivot(into: tree.root) } catch {
            guard error == .invalid else { throw Fault(error, "pivot_root") }
        }
        try detachOthers(keeping: tree)
        try attempt("chroot") { () throws(Errno) in
            try call { fchdir(tree.root.rawValue) }
            try call { chroot(".") }
            try call { chdir("/") }
        }
    }

    /// Where the runtime itself runs in a chroot: goes to the root of the mount namespace and takes the tree along.
    private static func leaveChroot(_ tree: borrowing RootTree) throws(Errno) {
        let here = try Files.open("/", flags: O_PATH | O_DIRECTORY)
        // Entering a mount namespace leads to what is on top of its root.
        try Namespaces.enter(.mount, of: Pidfd(pid: getpid()))
        if try Mount.mountID(of: "/") == Mount.mountID(of: "", at: tree.root.rawValue) {
            // It is on top already. Back beneath it, from where the host's paths still lead to the host's mounts.
            try call { fchdir(here.rawValue) }
            try call { chroot(".") }
            return
        }
        // What was outside of the chroot is still tied to the host's namespace, where nothing may change.
        try Mount.change(AT_FDCWD, path: "/", recursive: true, propagation: .private)
        try Mount.attach(tree.root, path: "/")
    }

    /// Takes the host's mounts out of this namespace, the last made first.
    private static func detachOthers(keeping tree: borrowing RootTree) throws(Fault) {
        let proc = try attemptMount("make private proc") { () throws(MountError) in
            try Mount.make(type: "proc", source: "proc", attributes: [.noSetUID, .noDevices, .noExecute])
        }
        let (entries, own) = try attempt("read mounts") { () throws(Errno) in
            let file = try Files.open("self/mountinfo", at: proc.rawValue)
            return (MountEntry.parse(try file.readAll(limit: MountEntry.bytesMax)), try Mount.mountID(of: "", at: tree.root.rawValue))
        }
        var kept: Set<UInt64> = [own]
        for entry in entries where kept.contains(entry.parent) { kept.insert(entry.id) }
        for entry in entries.reversed() where !kept.contains(entry.id) && entry.path != "/" {
            if umount2(entry.path, CInt(MNT_DETACH) | CInt(UMOUNT_NOFOLLOW)) == 0 { continue }
            // In a user namespace the host's mounts are locked to their places. Nobody inside can
            // uncover what lies beneath them either, but a proc or sysfs without masks must be covered.
            guard entry.type == "proc" || entry.type == "sysfs" else { continue }
            let empty = try attemptMount("make tmpfs") { () throws(MountError) in
                try Mount.make(type: "tmpfs", source: "tmpfs", parameters: [.value("mode", "0")], attributes: .readOnly)
            }
            try attempt("cover \(entry.path)") { () throws(Errno) in try Mount.attach(empty, path: entry.path) }
        }
    }
}

/// One line of /proc/PID/mountinfo, as far as a change of root needs it.
struct MountEntry: Hashable, Sendable {
    /// The most bytes of the file: a hundred thousand mounts.
    static let bytesMax = 32 << 20

    let id: UInt64
    let parent: UInt64
    /// As this process sees it, unescaped.
    let path: String
    let type: String

    /// The lines in the kernel's order: a mount stands after the one that it is mounted on.
    static func parse(_ bytes: [UInt8]) -> [MountEntry] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count > 6, let dash = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), dash + 1 < fields.count,
                let id = UInt64(String(decoding: fields[0], as: UTF8.self)), let parent = UInt64(String(decoding: fields[1], as: UTF8.self))
            else { return nil }
            return MountEntry(id: id, parent: parent, path: unescape(fields[4]), type: String(decoding: fields[dash + 1], as: UTF8.self))
        }
    }

    /// Blanks and backslashes are written as three octal digits.
    private static func unescape(_ field: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
