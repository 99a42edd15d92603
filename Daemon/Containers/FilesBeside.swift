// What Containers needs of files besides what Linux/ has.
import CLinux
import Linux

extension Files {
    /// Removes a directory that is empty; a missing one is removed already.
    static func removeEmptyDirectory(_ path: String) throws(Errno) {
        if rmdir(path) == 0 { return }
        let error = Errno.current
        if error != .noEntry { throw error }
    }

    /// Makes a directory beneath `root`, and what is missing above it (0755); one that is there is
    /// left as it is. Links are followed inside the root only.
    static func makeDirectory(_ path: String, beneath root: borrowing FileDescriptor, mode: mode_t) throws(Errno) {
        let parts = path.split(separator: "/").map(String.init)
        for (index, name) in parts.enumerated() {
            let here = parts[...index].joined(separator: "/")
            do throws(Errno) { _ = try openBeneath(root, here, flags: O_PATH | O_DIRECTORY) } catch {
                guard error == .noEntry else { throw error }
                let above = index == 0 ? "." : parts[..<index].joined(separator: "/")
                let parent = try openBeneath(root, above, flags: O_RDONLY | O_DIRECTORY)
                let number = parent.rawValue
                try call { mkdirat(number, name, 0o755) }
                if index == parts.count - 1 { try call { fchmodat(number, name, mode, 0) } }
            }
        }
    }

    /// Whether something is at `path`, links followed.
    static func isThere(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0
    }
}
