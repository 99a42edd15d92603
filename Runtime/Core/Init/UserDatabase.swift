// UserDatabase owns what the container's own /etc/passwd and /etc/group say. They are files of the
// image and so hostile: read as regular files only, with limits, and never by a library that would
// load modules of the image's choice.
import CLinux
import Faults
import Linux
import OCISpec

enum UserDatabase {
    /// The most bytes of either file.
    static let bytesMax = 1 << 20

    /// The home directory of `uid`; nil where none is named.
    static func home(of uid: UInt32) -> String? { home(of: uid, in: read("/etc/passwd")) }

    /// The same from the text of the file.
    static func home(of uid: UInt32, in bytes: [UInt8]) -> String? {
        let wanted = Array(String(uid).utf8)
        let entry = lines(bytes, fields: 7).first { $0.count >= 6 && $0[2].elementsEqual(wanted) && $0[5].first == UInt8(ascii: "/") }
        return entry.map { String(decoding: $0[5], as: UTF8.self) }
    }

    /// The name of `uid`; nil for one without.
    static func name(of uid: UInt32) -> String? {
        let wanted = Array(String(uid).utf8)
        let entry = lines(read("/etc/passwd"), fields: 7).first { $0.count >= 3 && $0[2].elementsEqual(wanted) }
        return entry.map { String(decoding: $0[0], as: UTF8.self) }
    }

    /// Puts what `text` names, `user` or `user:group`, into `user`; either may be a number. A user
    /// who is named brings the groups that list it.
    static func resolve(_ text: String, into user: inout RuntimeSpec.User) throws(Fault) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if let uid = UInt32(parts[0]) {
            user.uid = uid
        } else {
            let name = Array(parts[0].utf8)
            let entry = lines(read("/etc/passwd"), fields: 7).first { $0.count > 3 && $0[0].elementsEqual(name) }
            guard let entry, let uid = number(entry[2]), let gid = number(entry[3]) else {
                throw Fault(.invalidArgument, "user \(Journal.quoted(parts[0])) is not in the container's /etc/passwd")
            }
            user.uid = uid
            user.gid = gid
            let listed = lines(read("/etc/group"), fields: 4).filter { $0.count > 3 && $0[3].split(separator: comma).contains { $0.elementsEqual(name) } }
            user.additionalGids = (user.additionalGids ?? []) + listed.compactMap { number($0[2]) }
        }
        guard parts.count > 1 else { return }
        if let gid = UInt32(parts[1]) { return user.gid = gid }
        let name = Array(parts[1].utf8)
        guard let entry = lines(read("/etc/group"), fields: 4).first(where: { $0.count > 2 && $0[0].elementsEqual(name) }), let gid = number(entry[2]) else {
            throw Fault(.invalidArgument, "group \(Journal.quoted(parts[1])) is not in the container's /etc/group")
        }
        user.gid = gid
    }

    /// The bytes of a file; none where it is missing, too large or no regular file. What says that it
    /// has no bytes and gives some is of the kernel's file systems, and may be the caller's environment.
    private static func read(_ path: String) -> [UInt8] {
        guard let file = try? Files.open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY), let status = try? file.status(),
            status.kind == .regular, status.st_size > 0, let bytes = try? file.readAll(limit: bytesMax)
        else { return [] }  // as said above
        return bytes
    }

    /// The fields of each line.
    private static func lines(_ bytes: [UInt8], fields: Int) -> [[ArraySlice<UInt8>]] {
        bytes.split(separator: UInt8(ascii: "\n")).map {
            $0.split(separator: UInt8(ascii: ":"), maxSplits: fields - 1, omittingEmptySubsequences: false)
        }
    }

    private static func number(_ field: ArraySlice<UInt8>) -> UInt32? { UInt32(String(decoding: field, as: UTF8.self)) }
    private static let comma = UInt8(ascii: ",")
}
