import CLinux
import Linux

/// The giving away of a cgroup (cgroups(7), delegation; the specification, "cgroup ownership").
enum Delegation {
    /// The kernel's list of the files that may be given away, since 4.15.
    static let list = "/sys/kernel/cgroup/delegate"

    /// The files that a list names, one a line; where the kernel does not tell, those that are taken for safe.
    static func files(_ list: [UInt8]?) -> [String] {
        guard let list else { return ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] }
        return String(decoding: list, as: UTF8.self).split(separator: "\n").map(String.init).filter { !$0.contains("/") }
    }

    /// Makes `owner` the owner of `directory` and of these files in it.
    static func give(_ files: [String], in directory: CInt, to owner: uid_t) throws(Errno) {
        try call { fchownat(directory, "", owner, gid_t.max, AT_EMPTY_PATH) }
        for file in files {
            // Not every cgroup has every file.
            do throws(Errno) { try call { fchownat(directory, file, owner, gid_t.max, AT_SYMLINK_NOFOLLOW) } } catch {
                if error != .noEntry { throw error }
            }
        }
    }
}
