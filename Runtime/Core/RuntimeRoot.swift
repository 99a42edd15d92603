// RuntimeRoot owns where the state of containers is when --root does not say it: root's in /run, a
// user's in a directory that is the user's own and ends with the session or the machine.
import CLinux
import Faults
import Linux

package enum RuntimeRoot {
    /// The directory for the caller.
    /// - Throws: `.forbidden` where a user has none but /tmp, and somebody else took the place there.
    package static func standard() throws(Fault) -> String {
        let uid = geteuid()
        // Asking whether root is real is for those only who have another place to go to.
        if uid == 0 { return session().flatMap { Privileges.isNested ? $0 : nil } ?? StateStore.defaultRoot }
        if let session = session() { return session }
        let login = "/run/user/\(uid)"
        if isPrivate(login, uid) { return "\(login)/cais-runtime" }
        let last = "/tmp/cais-runtime-\(uid)"
        mkdir(last, 0o700)
        guard isPrivate(last, uid) else {
            throw Fault(.forbidden, "\(last) is not this user's own directory: set XDG_RUNTIME_DIR, or give --root")
        }
        return last
    }

    /// Beneath $XDG_RUNTIME_DIR, which counts only when it is absolute (XDG Base Directory Specification).
    private static func session() -> String? {
        guard let value = getenv("XDG_RUNTIME_DIR"), value[0] == CChar(UInt8(ascii: "/")) else { return nil }
        return String(cString: value) + "/cais-runtime"
    }

    /// Whether it is a directory of the user's that nobody else may write to; no link to one.
    private static func isPrivate(_ path: String, _ uid: uid_t) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.kind == .directory && status.st_uid == uid && status.st_mode & 0o022 == 0
    }
}
