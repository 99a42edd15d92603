// Attempt turns the number a system call left into a fault that names the step and its object.
import Faults
import Linux

extension Errno {
    /// The C library's sentence, beginning small as it stands behind a colon; engines that
    /// classify a runtime's errors look for these words.
    var sentence: String {
        let text = description
        guard let first = text.first else { return text }
        return first.lowercased() + text.dropFirst()
    }

    /// What it means when nobody on the way knows better.
    var kind: FaultKind {
        switch self {
        case .noEntry, .noProcess: .notFound
        case .notPermitted, .access: .forbidden
        case .noSpace: .noSpace
        case .noSystemCall, .notSupported: .unsupported
        default: .failed
        }
    }
}

extension Fault {
    /// A failed system call during `step`.
    init(_ errno: Errno, _ step: String) {
        self.init(errno.kind, errno.sentence, errno: errno.rawValue, trail: [step])
    }

    /// A failed call of the mount interface, with the file system's own words where it had any.
    init(_ error: MountError, _ step: String) {
        let reason = error.message.map { "\($0): \(error.errno.sentence)" } ?? error.errno.sentence
        self.init(error.errno.kind, reason, errno: error.errno.rawValue, trail: [step])
    }
}

/// Runs system calls that together are one step with a name.
/// - Throws: the first error, as `step: reason`.
@discardableResult
func attempt<Value: ~Copyable>(
    _ step: @autoclosure () -> String, _ body: () throws(Errno) -> Value
) throws(Fault) -> Value {
    do { return try body() } catch { throw Fault(error, step()) }
}

/// The same for the mount interface, whose errors carry words of the file system.
func attemptMount<Value: ~Copyable>(
    _ step: @autoclosure () -> String, _ body: () throws(MountError) -> Value
) throws(Fault) -> Value {
    do { return try body() } catch { throw Fault(error, step()) }
}
