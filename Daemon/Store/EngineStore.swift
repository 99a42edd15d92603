// EngineStore owns the engine's records: small documents by table and key in one SQLite file.
// It knows nothing of what they mean; what runs is the kernel's and the shims' to say.
import Faults
import GRDB
import Glibc

/// The engine's records on disk. Every call blocks on the disk: use it on ``BlockingPool``.
package final class EngineStore: Sendable {
    /// The kinds of records.
    package enum Table: String, CaseIterable, Sendable {
        case containers, images, references, networks, endpoints, execs, meta
    }

    /// Where a damaged file was moved when this store was opened; nil when there was none.
    package let quarantined: String?

    private let database: DatabaseQueue
    private let reserve: DiskReserve

    /// Opens the file at `path` or makes it. A damaged one is moved aside under a name that says
    /// so (``quarantined``) and a new one started: an engine that does not start helps nobody.
    /// - Throws: `failed` or `noSpace` where the file cannot be used, `unsupported` for one that a
    ///   newer version wrote.
    package init(path: String) throws(Fault) {
        reserve = DiskReserve(path: path + ".reserve")
        do throws(Fault) {
            database = try EngineStore.open(path)
            quarantined = nil
        } catch {
            guard error.kind == .failed, error.errno == EngineStore.damaged else { throw error.within("open the engine's records \(path)") }
            quarantined = try EngineStore.quarantine(path)
            do throws(Fault) { database = try EngineStore.open(path) } catch {
                throw error.within("make new records in place of the damaged \(path)")
            }
        }
        reserve.fill()
    }

    /// The document of `key`; nil where there is none.
    package func get(_ table: Table, _ key: String) throws(Fault) -> [UInt8]? {
        try read { (records) throws(Fault) in try records.get(table, key) }
    }

    /// Stores a document, in the place of one with the same key.
    package func put(_ table: Table, _ key: String, _ document: [UInt8]) throws(Fault) {
        try transaction { (records) throws(Fault) in try records.put(table, key, document) }
    }

    /// Removes a document; a missing one is already removed. Works on a full disk: things must be
    /// removable to make room.
    package func delete(_ table: Table, _ key: String) throws(Fault) {
        do throws(Fault) { try transaction { (records) throws(Fault) in try records.delete(table, key) } } catch {
            guard error.kind == .noSpace, reserve.release() else { throw error }
            try transaction { (records) throws(Fault) in try records.delete(table, key) }
            reserve.fill()
        }
    }

    /// All documents of a table, by key.
    package func all(_ table: Table) throws(Fault) -> [(key: String, document: [UInt8])] {
        try read { (records) throws(Fault) in try records.all(table) }
    }

    /// Runs `body` so that all its changes happen or, when it throws, none.
    package func transaction<R>(_ body: (StoreTransaction) throws(Fault) -> R) throws(Fault) -> R {
        do { return try database.write { try body(StoreTransaction(database: $0)) } } catch {
            throw EngineStore.fault(error)
        }
    }

    private func read<R>(_ body: (StoreTransaction) throws(Fault) -> R) throws(Fault) -> R {
        do { return try database.read { try body(StoreTransaction(database: $0)) } } catch {
            throw EngineStore.fault(error)
        }
    }
}

// MARK: - Opening

extension EngineStore {
    /// The mark of a fault that means "this file is no database", in the fault's errno.
    fileprivate static let damaged = EBADMSG

    private static func open(_ path: String) throws(Fault) -> DatabaseQueue {
        do {
            var configuration = Configuration()
            configuration.label = "cais.records"
            configuration.busyMode = .timeout(5)
            configuration.prepareDatabase { database in
                // This process alone uses the file; exclusive, SQLite keeps the log's index in memory
                // and needs no second file, so that reading works on a full disk.
                //
                // With the write-ahead log, NORMAL survives any kill of the daemon; a power cut may
                // lose the last records but never harms the file, and after it nothing runs anyway.
                try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512;")
            }
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let verdict = try queue.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
            guard verdict == "ok" else { throw Fault(.failed, "damaged: \(verdict ?? "no answer")", errno: damaged) }
            try Migrations.apply(to: queue)
            guard chmod(path, 0o600) == 0 else { throw Fault(.failed, "chmod: \(String(cString: strerror(Glibc.errno)))", errno: Glibc.errno) }
            return queue
        } catch {
            throw fault(error)
        }
    }

    /// Moves the file and what SQLite keeps beside it out of the way; returns the file's new name.
    private static func quarantine(_ path: String) throws(Fault) -> String {
        let aside = "\(path).damaged-\(time(nil))"
        guard rename(path, aside) == 0 else {
            let number = Glibc.errno
            throw Fault(.failed, String(cString: strerror(number)), errno: number, trail: ["move the damaged \(path) aside"])
        }
        // A log of the damaged file must never be replayed into the new one. Missing is as good.
        _ = rename("\(path)-wal", "\(aside)-wal")
        _ = unlink("\(path)-shm")
        return aside
    }

    fileprivate static func fault(_ error: any Error) -> Fault {
        if let fault = error as? Fault { return fault }
        guard let error = error as? DatabaseError else { return Fault(.failed, "\(error)") }
        let reason = error.message ?? "\(error.resultCode)"
        switch error.resultCode {
        case .SQLITE_NOTADB, .SQLITE_CORRUPT: return Fault(.failed, "damaged: \(reason)", errno: damaged)
        case .SQLITE_FULL: return Fault(.noSpace, reason, errno: ENOSPC)
        case .SQLITE_BUSY, .SQLITE_LOCKED: return Fault(.unavailable, reason)
        default: return Fault(.failed, reason)
        }
    }
}

// MARK: - One transaction

/// The store's calls inside one transaction; valid only while the closure it was given to runs.
package struct StoreTransaction {
    fileprivate let database: Database

    /// The document of `key`; nil where there is none.
    package func get(_ table: EngineStore.Table, _ key: String) throws(Fault) -> [UInt8]? {
        try translated {
            let statement = try database.cachedStatement(sql: "SELECT document FROM \"\(table.rawValue)\" WHERE key = ?")
            return try Row.fetchOne(statement, arguments: [key]).map(document(of:))
        }
    }

    /// Stores a document, in the place of one with the same key.
    package func put(_ table: EngineStore.Table, _ key: String, _ document: [UInt8]) throws(Fault) {
        try translated {
            let statement = try database.cachedStatement(sql: "INSERT OR REPLACE INTO \"\(table.rawValue)\" (key, document) VALUES (?, ?)")
            try statement.execute(arguments: [key, String(decoding: document, as: UTF8.self)])
        }
    }

    /// Removes a document; a missing one is already removed.
    package func delete(_ table: EngineStore.Table, _ key: String) throws(Fault) {
        try translated {
            try database.cachedStatement(sql: "DELETE FROM \"\(table.rawValue)\" WHERE key = ?").execute(arguments: [key])
        }
    }

    /// All documents of a table, by key.
    package func all(_ table: EngineStore.Table) throws(Fault) -> [(key: String, document: [UInt8])] {
        try translated {
            let statement = try database.cachedStatement(sql: "SELECT key, document FROM \"\(table.rawValue)\" ORDER BY key")
            return try Row.fetchAll(statement).map { (key: $0[0], document: document(of: $0, at: 1)) }
        }
    }

    private func document(of row: Row) -> [UInt8] { document(of: row, at: 0) }

    private func document(of row: Row, at column: Int) -> [UInt8] { Array((row[column] as String).utf8) }

    private func translated<R>(_ body: () throws -> R) throws(Fault) -> R {
        do { return try body() } catch { throw EngineStore.fault(error) }
    }
}
