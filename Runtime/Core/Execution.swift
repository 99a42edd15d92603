// Execution owns the step from this program to another: finding it, and execve(2).
import CLinux
import Faults
import Linux

enum Execution {
    /// Where a program is looked for when the environment has no PATH.
    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// The file that `name` means, looked for as this process, so with its root, user and capabilities.
    /// - Throws: the faults whose sentences engines know: `exec: "foo": executable file not found
    ///   in $PATH` and `exec: "/etc": permission denied`.
    static func find(_ name: String, environment: [String]) throws(Fault) -> String {
        if name.utf8.contains(UInt8(ascii: "/")) {
            do throws(Errno) { try check(name) } catch {
                let quoted = Journal.quoted(name)
                let reason = error == .noEntry || error == .notDirectory ? "exec: \(quoted): stat \(name): \(error.sentence)" : "exec: \(quoted): \(error.sentence)"
                throw Fault(error == .noEntry || error == .notDirectory ? .commandNotFound : .commandNotExecutable, reason, errno: error.rawValue)
            }
            return name
        }
        var denied = false
        let path = environment.last { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) } ?? defaultPath
        // An empty or relative entry would mean the working directory, which a container controls.
        for directory in path.split(separator: ":") where directory.hasPrefix("/") && !name.isEmpty {
            let candidate = "\(directory)/\(name)"
            do throws(Errno) {
                try check(candidate)
                return candidate
            } catch { if error == .access { denied = true } }
        }
        if denied { throw Fault(.commandNotExecutable, "exec: \(Journal.quoted(name)): permission denied", errno: EACCES) }
        throw Fault(.commandNotFound, "exec: \(Journal.quoted(name)): executable file not found in $PATH", errno: ENOENT)
    }

    /// Whether `path` is a file this process may execute.
    private static func check(_ path: String) throws(Errno) {
        var status = stat()
        try call { stat(path, &status) }
        if status.kind == .directory { throw .access }
        try call { faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) }
    }

    /// Becomes the program; returns only why it could not.
    static func become(_ path: String, arguments: [String], environment: [String]) -> Errno {
        // Freed by nobody: either the memory is replaced or the process ends.
        _ = execve(path, vector(arguments), vector(environment))
        return Errno.current
    }

    private static func vector(_ words: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        let vector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: words.count + 1)
        for (index, word) in words.enumerated() { vector[index] = strdup(word) }
        vector[words.count] = nil
        return vector
    }
}

/// What signals a program inherits: none blocked, none ignored.
enum SignalState {
    /// The number of signals that Linux has.
    static let count: CInt = 64

    static func reset() {
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        // Only SIGPIPE is ever ignored here; the caller may have left others so (nohup).
        for number in 1...count where number != SIGKILL && number != SIGSTOP { cais_signal_default(number) }
    }
}
