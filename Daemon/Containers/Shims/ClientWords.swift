import Faults

/// Docker's clients read the exit codes 126 and 127 out of an error's text. A runtime that has
/// words of its own for those two failures (crun's "executable file `x` not found") is quoted, and
/// the words that clients look for are put behind.
enum ClientWords {
    private static let notFound = "executable file not found in $PATH"
    private static let notExecutable = ["permission denied", "is a directory", "exec format error"]

    /// The same fault in words that clients understand.
    static func translate(_ fault: Fault) -> Fault {
        switch fault.kind {
        case .commandNotFound where !fault.reason.contains(notFound) && !fault.reason.contains("no such file or directory"):
            return Fault(fault.kind, "\(fault.reason) (\(notFound))", errno: fault.errno, trail: fault.trail)
        case .commandNotExecutable where !notExecutable.contains(where: fault.reason.contains):
            return Fault(fault.kind, "\(fault.reason) (permission denied)", errno: fault.errno, trail: fault.trail)
        case .commandNotFound, .commandNotExecutable, .invalidArgument, .notFound, .conflict, .notModified, .forbidden, .unauthorized,
            .tooLarge, .noSpace, .unsupported, .unavailable, .failed:
            return fault
        }
    }
}
