import CLinux
import Faults
import Flags
import Linux

// Paths turns what a person typed into absolute paths, before the supervisor leaves the directory.

/// Paths of the command line.
enum Paths {
    /// The path from the root on, links not resolved.
    static func absolute(_ path: String) throws(Fault) -> String {
        if path.hasPrefix("/") { return path }
        guard let here = getcwd(nil, 0) else { throw Fault(.failed, Errno.current.description, trail: ["find the working directory"]) }
        defer { free(here) }
        let directory = String(cString: here)
        let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        if rest == "." || rest.isEmpty { return directory }
        return directory == "/" ? "/\(rest)" : "\(directory)/\(rest)"
    }

    /// The runtime: a path, a name on PATH, or cais-runtime beside this program or on PATH.
    static func runtime(_ given: String?) throws(Fault) -> String {
        let name = given ?? "cais-runtime"
        if name.contains("/") { return try absolute(name) }
        var directories: [String] = []
        if given == nil, let own = ownDirectory() { directories.append(own) }
        let path = getenv("PATH").map { value in String(cString: value) } ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        directories += path.split(separator: ":").map(String.init)
        let candidates: [String] = directories.map { directory in "\(directory)/\(name)" }
        guard let found = candidates.first(where: { access($0, X_OK) == 0 }) else {
            throw Fault(.notFound, "no runtime \(name) beside cais-shim or on PATH")
        }
        return found
    }

    private static func ownDirectory() -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let count = readlink("/proc/self/exe", start, buffer.count)
            guard count > 0 else { return nil }
            let path = String(decoding: UnsafeRawBufferPointer(buffer)[..<count], as: UTF8.self)
            return path.lastIndex(of: "/").map { String(path[..<$0]) }
        }
    }

    /// The socket for what a person named: the socket itself or the state directory.
    static func socket(_ given: String) -> String {
        var information = stat()
        let isDirectory = stat(given, &information) == 0 && CInt(bitPattern: information.st_mode) & S_IFMT == S_IFDIR
        return isDirectory ? "\(given)/shim.sock" : given
    }

    /// The state directory of a socket.
    static func stateDirectory(ofSocket socket: String) -> String {
        guard let slash = socket.lastIndex(of: "/") else { return "." }
        return String(socket[..<slash])
    }
}

/// Writes a manual page into `directory`.
func writePage(_ page: ManualPage, into directory: String) throws(Fault) {
    do {
        try Files.makeDirectories(directory)
        try Files.replace("\(directory)/\(page.fileName)", with: Array(page.text.utf8), mode: 0o644, durable: false)
    } catch { throw Fault(.failed, error.description, errno: error.rawValue, trail: ["write \(directory)/\(page.fileName)"]) }
}
