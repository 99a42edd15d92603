import CLinux
import Faults

extension Cgroup {
    /// Ends what is in the cgroup that a configuration names, and removes it. One that is gone is done.
    package static func end(path: CgroupPath, layout: CgroupLayout) throws(Fault) {
        do {
            let cgroup = try open(try layout.record(of: path))
            try cgroup.signalAll(SIGKILL)
            try cgroup.remove()
        } catch {
            guard error.kind == .notFound else { throw error }
        }
    }
}

extension CgroupRecord.Place {
    /// Whether the directory is beneath the mount point and not it: what is kept on disk is removed one day.
    package var isBeneathItsMountPoint: Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return mountPoint.hasPrefix("/") && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    }
}
