// SystemFault owns the way from a failed system call to a fault with a step and an object.
import Faults
import Linux

/// Runs system calls; what they throw becomes a fault of `step`.
func system<R: ~Copyable>(
    _ step: @autoclosure () -> String, _ kind: FaultKind = .failed, _ body: () throws(Errno) -> R
) throws(Fault) -> R {
    do throws(Errno) { return try body() } catch { throw Fault(error, kind, step()) }
}

extension Fault {
    /// What a failed system call means; a full disk is always `noSpace`.
    init(_ error: Errno, _ kind: FaultKind = .failed, _ step: String) {
        self.init(error == .noSpace ? .noSpace : kind, error.description, errno: error.rawValue, trail: [step])
    }
}
