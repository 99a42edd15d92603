import CLinux
import Linux

/// Stopping and letting go by the v1 freezer controller.
enum LegacyFreezer {
    /// How often freezing is asked for again, and how long between.
    private static let roundsMax = 1_000
    private static let pauseMicroseconds: UInt32 = 500

    static func set(_ frozen: Bool, _ directory: CgroupDirectory) throws(Errno) {
        guard frozen else { return try directory.write("freezer.state", "THAWED") }
        for round in 0..<roundsMax {
            // A process that is born while freezing can stop the freezer half-way for good; it
            // comes unstuck by starting over.
            if round % 50 == 49 {
                try directory.write("freezer.state", "THAWED")
                usleep(pauseMicroseconds)
            }
            try directory.write("freezer.state", "FROZEN")
            if try directory.read("freezer.state") == "FROZEN" { return }
            usleep(pauseMicroseconds)
        }
        try directory.write("freezer.state", "THAWED")
        throw .busy
    }
}
