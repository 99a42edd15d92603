// LockedProperties owns the changing of mounts that came from a more privileged namespace: the
// kernel keeps what such a mount forbids (mount_namespaces(7)), whoever is root here.
import CLinux
import Faults
import Linux

enum LockedProperties {
    /// Changes the properties of one mount, and leaves those that are locked.
    /// - Returns: what was asked to change and stays.
    static func change(_ tree: borrowing FileDescriptor, set: MountAttributes, clear: MountAttributes) throws(Fault) -> MountAttributes {
        do throws(Errno) {
            try Mount.change(tree.rawValue, set: set, clear: clear)
            return []
        } catch { guard error == .notPermitted else { throw Fault(error, "set properties") } }
        let present = try attempt("statfs") { () throws(Errno) in try Mount.attributes(of: tree) }
        let kept = clear.subtracting(.accessTimeField).intersection(present)
        if !kept.isEmpty {
            do throws(Errno) {
                try Mount.change(tree.rawValue, set: set, clear: clear.subtracting(kept))
                return kept
            } catch { guard error == .notPermitted else { throw Fault(error, "set properties") } }
        }
        // How access times are kept is locked as a whole.
        let time = MountAttributes.accessTimeField.union(.noDirectoryAccessTime)
        guard !set.union(clear).isDisjoint(with: time) else { throw Fault(.notPermitted, "set properties") }
        try attempt("set properties") { () throws(Errno) in
            try Mount.change(tree.rawValue, set: set.subtracting(time), clear: clear.subtracting(kept).subtracting(time))
        }
        return kept
    }
}

extension MountAttributes {
    /// Those that have a word of mount(8)'s.
    var words: [String] {
        [("ro", .readOnly), ("nosuid", .noSetUID), ("nodev", .noDevices), ("noexec", .noExecute)].compactMap { (word: String, attribute: MountAttributes) in
            contains(attribute) ? word : nil
        }
    }
}
