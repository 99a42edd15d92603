// IDMaps owns the writing of a new user namespace's id maps: by the runtime itself where the kernel
// lets it, and else by newuidmap(1) and newgidmap(1), which may give a user the ids of /etc/subuid.
import CLinux
import Faults
import Linux

enum IDMaps {
    /// Maps a process that waits in a new user namespace, in which nothing is mapped yet.
    /// - Parameters:
    ///   - uid: the lines of its uid_map; `gid` those of its gid_map.
    ///   - pid: as this process sees it. Without privileges it must be dumpable, since the files
    ///     of one that is not belong to the host's root.
    static func write(uid: String, gid: String, of pid: pid_t) throws(Fault) {
        guard geteuid() != 0 else {
            try writeOrExplain(gid, "/proc/\(pid)/gid_map", IDMapHelper.groups)
            return try writeOrExplain(uid, "/proc/\(pid)/uid_map", IDMapHelper.users)
        }
        if isAlone(gid, id: getegid()) {
            // Who could leave groups could pass by permissions that deny a group, so without
            // privileges the kernel wants setgroups(2) given up first (user_namespaces(7)).
            try attempt("write /proc/\(pid)/setgroups") { () throws(Errno) in try put("deny", "/proc/\(pid)/setgroups") }
            try attempt("write /proc/\(pid)/gid_map") { () throws(Errno) in try put(gid, "/proc/\(pid)/gid_map") }
        } else {
            try IDMapHelper.groups.run(map: gid, pid: pid)
        }
        if isAlone(uid, id: geteuid()) {
            try attempt("write /proc/\(pid)/uid_map") { () throws(Errno) in try put(uid, "/proc/\(pid)/uid_map") }
        } else {
            try IDMapHelper.users.run(map: uid, pid: pid)
        }
    }

    /// Whether a map has the caller's own id and no other: what the kernel lets anybody map.
    static func isAlone(_ map: String, id: UInt32) -> Bool {
        let words = map.split(whereSeparator: \.isWhitespace)
        return words.count == 3 && words[1] == String(id) && words[2] == "1"
    }

    /// As root. Root of a namespace around us can map only ids that it has itself.
    private static func writeOrExplain(_ map: String, _ path: String, _ helper: IDMapHelper) throws(Fault) {
        do throws(Errno) { try put(map, path) } catch {
            guard error == .notPermitted, let own = try? String(decoding: Files.read("/proc/self/\(helper.mapFile)", limit: 1 << 16), as: UTF8.self),
                // The own map is only for the sentence; without it the kernel's own has to do.
                let missing = IDRange.parse(map, column: 1).first(where: { range in !IDRange.parse(own, column: 0).contains { $0.holds(range) } })
            else { throw Fault(error, "write \(path)") }
            throw Fault(
                .forbidden, "\(helper.kind) ids \(missing) are not among those of the user namespace that this process is in",
                errno: error.rawValue, trail: ["write \(path)"])
        }
    }

    /// In one write(2), as the kernel demands.
    private static func put(_ text: String, _ path: String) throws(Errno) {
        let file = try Files.open(path, flags: O_WRONLY)
        let bytes = Array(text.utf8)
        try call { bytes.withUnsafeBytes { CLinux.write(file.rawValue, $0.baseAddress, $0.count) } }
    }
}

/// Ids that follow each other.
struct IDRange: Hashable, Sendable, CustomStringConvertible {
    let first: UInt64
    let count: UInt64

    /// Whether it has all of `other`.
    func holds(_ other: IDRange) -> Bool { other.first >= first && other.first + other.count <= first + count }

    var description: String { count == 1 ? String(first) : "\(first)-\(first + count - 1)" }

    /// The ranges in one column of a map file: 0 for the ids inside, 1 for those outside.
    static func parse(_ map: String, column: Int) -> [IDRange] {
        map.split(separator: "\n").compactMap { line in
            let numbers = line.split(separator: " ").compactMap { UInt32($0) }
            return numbers.count == 3 ? IDRange(first: UInt64(numbers[column]), count: UInt64(numbers[2])) : nil
        }
    }
}
