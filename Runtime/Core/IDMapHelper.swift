// IDMapHelper owns the calling of newuidmap(1) and newgidmap(1), and the finding out of what an
// administrator has to set up when they refuse.
import CLinux
import Faults
import Linux

struct IDMapHelper: Sendable {
    /// Its name on PATH.
    let program: String
    /// Whose ids: `user` or `group`.
    let kind: String
    /// The file that says which ids a user may map.
    let grantFile: String
    /// The file of /proc/PID that it writes.
    let mapFile: String

    static let users = IDMapHelper(program: "newuidmap", kind: "user", grantFile: "/etc/subuid", mapFile: "uid_map")
    static let groups = IDMapHelper(program: "newgidmap", kind: "group", grantFile: "/etc/subgid", mapFile: "gid_map")

    /// The most bytes of its standard error that an error quotes.
    static let lastWordsBytesMax = 1_024

    /// Has it write `map` for the process `pid`. It gets numbers only, and no environment: nothing
    /// that it is given comes from a configuration as text.
    func run(map: String, pid: pid_t) throws(Fault) {
        let path = try find()
        let numbers = map.split(whereSeparator: \.isWhitespace).map(String.init)
        let (status, words) = try attempt("run \(path)") { () throws(Errno) in try execute(path, [String(pid)] + numbers) }
        guard status != .exited(code: 0) else { return }
        throw Fault(.forbidden, reason(map: map, path: path, words: words), trail: ["map \(kind) ids with \(program)"])
    }

    /// Looked for on PATH. Relative entries mean the working directory, which is the bundle's.
    private func find() throws(Fault) -> String {
        let path = getenv("PATH").map { String(cString: $0) } ?? Execution.defaultPath
        for directory in path.split(separator: ":") + Execution.defaultPath.split(separator: ":") where directory.hasPrefix("/") {
            let candidate = "\(directory)/\(program)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        throw Fault(
            .unsupported,
            "\(program) is not found in PATH; it is needed to map more than the caller's own id (Debian and Ubuntu: package uidmap; Fedora: shadow-utils)",
            errno: ENOENT)
    }

    private func execute(_ path: String, _ arguments: [String]) throws(Errno) -> (ExitStatus, String) {
        let (reading, writing) = try FileDescriptor.pipe().split()
        let output = FileDescriptor(owning: reading)
        let child: pid_t
        do throws(Errno) { child = try Spawn.start(path, arguments, environment: [], descriptors: [.init(writing, as: 2)]) } catch {
            close(writing)
            throw error
        }
        close(writing)
        var words: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 512)
        // To the end, so that it never waits for a reader; the start of it is enough to quote.
        while case let got = try call({ read(output.rawValue, &buffer, buffer.count) }), got > 0 {
            if words.count < IDMapHelper.lastWordsBytesMax { words += buffer[..<got] }
        }
        let text = String(decoding: words.prefix(IDMapHelper.lastWordsBytesMax), as: UTF8.self)
        return (Hooks.reap(child), text.split(whereSeparator: \.isNewline).joined(separator: "; "))
    }

    // MARK: - Why it refused

    private func reason(map: String, path: String, words: String) -> String {
        let said = words.isEmpty ? "" : " (\(words))"
        if cais_prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 {
            return "no_new_privs is set on this process, so \(path) gets no privileges\(said)"
        }
        if !hasPrivileges(path) {
            return "\(path) has neither the set-user-ID bit nor file capabilities, so it may not map ids: chmod u+s \(path)\(said)"
        }
        let own = kind == "user" ? geteuid() : getegid()
        let name = UserDatabase.name(of: geteuid())
        let granted = grants(to: name) + [IDRange(first: UInt64(own), count: 1)]
        if let missing = IDRange.parse(map, column: 1).first(where: { range in !granted.contains { $0.holds(range) } }) {
            let user = name ?? String(geteuid())
            return "\(grantFile) does not give user \(user) the \(kind) ids \(missing): a line \(user):\(missing.first):\(missing.count) is needed\(said)"
        }
        return words.isEmpty ? "it failed without a word" : words
    }

    /// Whether execve(2) gives the file root's rights.
    private func hasPrivileges(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        if getxattr(path, "security.capability", nil, 0) > 0 { return true }
        return status.st_uid == 0 && status.st_mode & mode_t(S_ISUID) != 0
    }

    /// The ranges that the file gives the caller, by name or by number.
    private func grants(to name: String?) -> [IDRange] {
        // Without the file there are none.
        guard let bytes = try? Files.read(grantFile, limit: UserDatabase.bytesMax) else { return [] }
        return IDMapHelper.grants(in: String(decoding: bytes, as: UTF8.self), to: [name, String(geteuid())].compactMap { $0 })
    }

    /// The ranges of lines `owner:first:count` (subuid(5)) whose owner is among `owners`.
    static func grants(in text: String, to owners: [String]) -> [IDRange] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, owners.contains(String(fields[0])), let first = UInt32(fields[1]), let count = UInt32(fields[2]) else { return nil }
            return IDRange(first: UInt64(first), count: UInt64(count))
        }
    }
}
