// UserLookup owns how `user[:group]` becomes numbers by a container's own passwd and group files.
// The files are hostile: they are read beneath the container's root, as regular files only, and
// within limits.
import CLinux
import Faults
import Linux

/// Who a process is to be.
struct ResolvedUser: Hashable, Sendable {
    /// User ID.
    var uid: UInt32
    /// Group ID.
    var gid: UInt32
    /// Supplementary groups.
    var groups: [UInt32]
    /// Its home directory; `/` where no file knows one.
    var home: String
}

/// Reads users and groups of a container.
enum UserLookup {
    /// The most bytes of either file that are read.
    static let bytesMax = 1 << 20
    /// The most lines of either file that are looked at.
    static let linesMax = 20_000
    /// The most supplementary groups.
    static let groupsMax = 1_024
    /// IDs are below 2^31: some tools read them as signed numbers.
    static let idMax: UInt32 = 0x7FFF_FFFF

    /// One line of passwd(5).
    struct User: Hashable {
        var name: String, uid: UInt32, gid: UInt32, home: String
    }

    /// One line of group(5).
    struct Group: Hashable {
        var name: String, gid: UInt32, members: [String]
    }

    /// Resolves `text` with the files beneath `rootfs`.
    /// - Throws: `invalidArgument` in docker's words for a name that no file knows.
    static func resolve(_ text: String, additional: [String], rootfs: String) throws(Fault) -> ResolvedUser {
        let root = try system("open \(rootfs)") { () throws(Errno) in try Files.open(rootfs, flags: O_PATH | O_DIRECTORY) }
        return try resolve(
            text, additional: additional, users: parseUsers(try read("etc/passwd", beneath: root)),
            groups: parseGroups(try read("etc/group", beneath: root)))
    }

    /// Resolves `text` with these users and groups.
    static func resolve(_ text: String, additional: [String], users: [User], groups: [Group]) throws(Fault) -> ResolvedUser {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let userText = parts.first ?? ""
        let groupText = parts.count > 1 ? parts[1] : ""
        let wanted = userText.isEmpty ? "0" : userText
        let user = users.first { $0.name == wanted } ?? number(wanted).flatMap { uid in users.first { $0.uid == uid } }
        guard let uid = user?.uid ?? number(wanted) else {
            throw Fault(.invalidArgument, "unable to find user \(userText): no matching entries in passwd file")
        }
        var result = ResolvedUser(uid: uid, gid: user?.gid ?? 0, groups: [], home: user?.home ?? "/")
        if !groupText.isEmpty {
            result.gid = try group(groupText, in: groups)
        } else if let user {
            result.groups = groups.filter { $0.members.contains(user.name) && $0.gid != result.gid }.map(\.gid)
        }
        for name in additional { result.groups.append(try group(name, in: groups)) }
        var seen: Set<UInt32> = []
        result.groups = result.groups.filter { seen.insert($0).inserted }
        guard result.groups.count <= groupsMax else {
            throw Fault(.invalidArgument, "user \(text) is in \(result.groups.count) groups; at most \(groupsMax) are allowed")
        }
        if result.home.isEmpty { result.home = "/" }
        return result
    }

    private static func group(_ text: String, in groups: [Group]) throws(Fault) -> UInt32 {
        if let group = groups.first(where: { $0.name == text }) { return group.gid }
        if let number = number(text) { return number }
        throw Fault(.invalidArgument, "unable to find group \(text): no matching entries in group file")
    }

    private static func number(_ text: String) -> UInt32? {
        guard let value = UInt32(text), value <= idMax, text.first != "+" else { return nil }
        return value
    }

    /// The file's bytes; empty where there is none.
    /// - Throws: `invalidArgument` where something else than a file of a sane size is in its place.
    private static func read(_ path: String, beneath root: borrowing FileDescriptor) throws(Fault) -> [UInt8] {
        do throws(Errno) {
            let file = try Files.openBeneath(root, path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
            guard CInt(bitPattern: try file.status().st_mode) & S_IFMT == S_IFREG else {
                throw Errno.invalid
            }
            return try file.readAll(limit: bytesMax)
        } catch {
            switch error {
            case .noEntry, .notDirectory: return []
            case .invalid: throw Fault(.invalidArgument, "the container's /\(path) is not a regular file")
            case .tooBig: throw Fault(.invalidArgument, "the container's /\(path) has more than \(bytesMax) bytes")
            default: throw Fault(error, .failed, "read /\(path) of the container")
            }
        }
    }

    /// The lines of a passwd file that make sense.
    static func parseUsers(_ bytes: [UInt8]) -> [User] {
        lines(bytes).compactMap { line in
            let fields = fields(line)
            guard fields.count >= 6, let uid = number(fields[2]), let gid = number(fields[3]) else { return nil }
            return User(name: fields[0], uid: uid, gid: gid, home: fields[5])
        }
    }

    /// The lines of a group file that make sense.
    static func parseGroups(_ bytes: [UInt8]) -> [Group] {
        lines(bytes).compactMap { line in
            let fields = fields(line)
            guard fields.count >= 3, let gid = number(fields[2]) else { return nil }
            let members = fields.count > 3 ? fields[3].split(separator: ",").map(String.init) : []
            return Group(name: fields[0], gid: gid, members: members)
        }
    }

    private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        Array(bytes.split(separator: UInt8(ascii: "\n"), maxSplits: linesMax).prefix(linesMax))
    }

    private static func fields(_ line: ArraySlice<UInt8>) -> [String] {
        line.split(separator: UInt8(ascii: ":"), maxSplits: 8, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }
}
