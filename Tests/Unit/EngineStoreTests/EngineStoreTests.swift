import Faults
import Glibc
import Testing

@testable import EngineStore

/// A directory that goes away with the test.
private final class Scratch {
    let path: String
    init() {
        var template = Array("/tmp/cais-store-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template)!)
    }
    deinit {
        for name in (try? names()) ?? [] { unlink("\(path)/\(name)") }
        rmdir(path)
    }
    func names() throws -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}

@Suite("The engine's records") struct EngineStoreTests {
    @Test("a document is found again after the file was closed") func persists() throws {
        let scratch = Scratch()
        do {
            let store = try EngineStore(path: scratch.path + "/cais.db")
            try store.put(.containers, "a", Array("{\"version\":1}".utf8))
        }
        let store = try EngineStore(path: scratch.path + "/cais.db")
        #expect(try store.get(.containers, "a") == Array("{\"version\":1}".utf8))
        #expect(try store.get(.images, "a") == nil)
        #expect(store.quarantined == nil)
    }

    @Test("a second document under the same key replaces the first") func replaces() throws {
        let scratch = Scratch()
        let store = try EngineStore(path: scratch.path + "/cais.db")
        try store.put(.references, "k", [0x31])
        try store.put(.references, "k", [0x32])
        #expect(try store.all(.references).map(\.document) == [[0x32]])
        try store.delete(.references, "k")
        try store.delete(.references, "k")
        #expect(try store.all(.references).isEmpty)
    }

    @Test("every table takes documents", arguments: EngineStore.Table.allCases) func tables(_ table: EngineStore.Table) throws {
        let scratch = Scratch()
        let store = try EngineStore(path: scratch.path + "/cais.db")
        try store.put(table, "key", Array("{}".utf8))
        #expect(try store.all(table).map(\.key) == ["key"])
    }

    @Test("a transaction that throws changes nothing") func rollsBack() throws {
        let scratch = Scratch()
        let store = try EngineStore(path: scratch.path + "/cais.db")
        #expect(throws: Fault(.conflict, "no")) {
            try store.transaction { (records) throws(Fault) in
                try records.put(.meta, "x", [0x31])
                throw Fault(.conflict, "no")
            }
        }
        #expect(try store.get(.meta, "x") == nil)
    }

    @Test("a damaged file is moved aside, named, and a new one started") func quarantines() throws {
        let scratch = Scratch()
        let path = scratch.path + "/cais.db"
        let file = try #require(fopen(path, "w"))
        fputs(String(repeating: "this is no database. ", count: 400), file)
        fclose(file)
        let store = try EngineStore(path: path)
        let aside = try #require(store.quarantined)
        #expect(access(aside, F_OK) == 0)
        try store.put(.meta, "x", [0x31])
        #expect(try store.get(.meta, "x") == [0x31])
    }

    @Test("a file cut in half is moved aside as well") func quarantinesTruncated() throws {
        let scratch = Scratch()
        let path = scratch.path + "/cais.db"
        do {
            let store = try EngineStore(path: path)
            for index in 0..<200 { try store.put(.containers, "k\(index)", [UInt8](repeating: 0x61, count: 2_000)) }
        }
        #expect(truncate(path, 60_000) == 0)
        unlink(path + "-wal")
        let store = try EngineStore(path: path)
        #expect(store.quarantined != nil)
        #expect(try store.all(.containers).isEmpty)
    }

    @Test("a directory in the file's place is an error that names it") func refusesDirectory() throws {
        let scratch = Scratch()
        mkdir(scratch.path + "/db", 0o700)
        defer { rmdir(scratch.path + "/db") }
        #expect { try EngineStore(path: scratch.path + "/db") } throws: { "\($0)".contains(scratch.path + "/db") }
    }

    @Test("only root's user may read the file") func mode() throws {
        let scratch = Scratch()
        _ = try EngineStore(path: scratch.path + "/cais.db")
        var status = stat()
        #expect(stat(scratch.path + "/cais.db", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }
}

@Suite("The pool of threads that wait") struct BlockingPoolTests {
    @Test("a job's value comes back") func value() async throws {
        let pool = BlockingPool(threadsMax: 2)
        #expect(try await pool.run { () throws(Fault) in 41 + 1 } == 42)
    }

    @Test("a job's fault comes back") func fault() async {
        let pool = BlockingPool(threadsMax: 2)
        await #expect(throws: Fault(.conflict, "taken")) {
            try await pool.run { () throws(Fault) -> Int in throw Fault(.conflict, "taken") }
        }
    }

    @Test("more jobs than threads all run") func many() async throws {
        let pool = BlockingPool(threadsMax: 3)
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...500 { group.addTask { try await pool.run { () throws(Fault) in number } } }
            return try await group.reduce(0, +)
        }
        #expect(sum == 500 * 501 / 2)
    }
}
