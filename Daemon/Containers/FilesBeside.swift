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

    /// Whether something is at `path`, links followed.
    static func isThere(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0
    }
}
