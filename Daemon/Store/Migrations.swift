// Migrations owns the versions of the records' file: each is applied once, in order, for ever.
import Faults
import GRDB

enum Migrations {
    /// Brings the file to this build's version.
    /// - Throws: `unsupported` where a newer build wrote it, which is left as it is.
    static func apply(to queue: DatabaseQueue) throws {
        let newer = try queue.read { try migrator.hasBeenSuperseded($0) }
        if newer { throw Fault(.unsupported, "a newer version of the engine wrote these records; this one would harm them") }
        try migrator.migrate(queue)
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1-tables") { database in
            // Named here and not taken from Table.allCases: a migration never changes once it shipped.
            for table in ["containers", "images", "references", "networks", "endpoints", "execs", "meta"] {
                try database.execute(sql: "CREATE TABLE \"\(table)\" (key TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL) WITHOUT ROWID, STRICT")
            }
        }
        return migrator
    }
}
