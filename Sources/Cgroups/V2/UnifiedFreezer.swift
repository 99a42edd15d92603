import CLinux
import Linux

/// Stopping and letting go by cgroup v2.
enum UnifiedFreezer {
    /// How often it is looked whether all have stopped, and how long between.
    private static let roundsMax = 1_000
    private static let pauseMicroseconds: UInt32 = 500

    static func set(_ frozen: Bool, _ directory: CgroupDirectory) throws(Errno) {
        try directory.write("cgroup.freeze", frozen ? "1" : "0")
        guard frozen else { return }
        for _ in 0..<roundsMax {
            // A cgroup without processes is never frozen; it was asked to be, which holds for whoever enters.
            if try directory.readTable("cgroup.events")["frozen"] == 1 { return }
            if try directory.isEmpty() { return }
            usleep(pauseMicroseconds)
        }
        try directory.write("cgroup.freeze", "0")
        throw .busy
    }
}
