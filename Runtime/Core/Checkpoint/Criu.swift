// Criu owns the running of criu, and the telling of why it failed: its exit code says nothing, its
// log everything. The command line is used and not the RPC (docs/design/0013).
import CLinux
import Faults
import Linux

enum Criu {
    /// The lines of its log that an error quotes.
    static let linesMax = 4
    /// The most bytes of its log that are read, from the end.
    static let logBytesMax = 256 << 10

    /// The file of the program, looked for in the caller's PATH.
    static func find(_ name: String) throws(Fault) -> String {
        let path = getenv("PATH").map { String(cString: $0) } ?? Execution.defaultPath
        let candidates = name.contains("/") ? [name] : path.split(separator: ":").filter { $0.hasPrefix("/") }.map { "\($0)/\(name)" }
        guard let found = candidates.first(where: { access($0, X_OK) == 0 }) else {
            throw Fault(.unsupported, "checkpoint and restore need criu: \"\(name)\" is not installed here (--criu names another)", errno: ENOENT)
        }
        return found
    }

    /// Where its standard error goes: a file in memory, since a pipe would stay open in what it restores.
    static func makeLastWords() throws(Fault) -> FileDescriptor {
        try attempt("make file for criu's words") { () throws(Errno) in
            FileDescriptor(owning: try call { memfd_create("criu", UInt32(MFD_CLOEXEC)) })
        }
    }

    /// Runs it with no input, to its end.
    static func run(_ program: String, _ plan: CriuPlan, words: borrowing FileDescriptor) throws(Fault) -> ExitStatus {
        let child = try attempt("run \(program)") { () throws(Errno) in
            try Spawn.start(program, plan.arguments, descriptors: [.init(words.rawValue, as: 1), .init(words.rawValue, as: 2)])
        }
        return Hooks.reap(child)
    }

    /// Fails with the last of what it said where it did not end well.
    static func check(_ status: ExitStatus, log: String, words: borrowing FileDescriptor) throws(Fault) {
        if status == .exited(code: 0) { return }
        let said = lastLines(of: log) ?? lastWords(words)
        let reason = said.isEmpty ? Creation.describe(status) : "\(Creation.describe(status)): \(said.joined(separator: "; ")) (all of it: \(log))"
        throw Fault(.failed, "criu failed: \(reason)")
    }

    /// The last errors in a log, or its last line; nil where there is none.
    private static func lastLines(of log: String) -> [String]? {
        guard let file = try? Files.open(log, flags: O_RDONLY | O_NOFOLLOW), let bytes = try? tail(of: file) /* none is nil */ else { return nil }
        return pick(from: bytes)
    }

    private static func tail(of file: borrowing FileDescriptor) throws(Errno) -> [UInt8] {
        let size = try file.status().st_size
        if size > logBytesMax { try call { lseek(file.rawValue, off_t(size) - off_t(logBytesMax), SEEK_SET) } }
        return try file.readAll(limit: logBytesMax + 65_536)
    }

    private static func lastWords(_ words: borrowing FileDescriptor) -> [String] {
        lseek(words.rawValue, 0, SEEK_SET)
        return (try? words.readAll(limit: logBytesMax)).map(pick) ?? []  // without them the exit code has to do
    }

    /// Lines that say Error, without their times; the last line where none does.
    static func pick(from bytes: [UInt8]) -> [String] {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map { line in
            let text = String(decoding: line, as: UTF8.self)
            guard text.hasPrefix("("), let end = text.firstIndex(of: ")") else { return text }
            return String(text[text.index(after: end)...].drop { $0 == " " })
        }
        let errors = lines.filter { $0.split(separator: " ").contains("Error") }
        return errors.isEmpty ? Array(lines.suffix(1)) : Array(errors.suffix(linesMax))
    }
}
