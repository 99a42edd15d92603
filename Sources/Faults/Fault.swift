// Fault owns what went wrong, on the way to whom, in words a person can act on. It knows no
// system call: the number of an errno arrives from `Linux.Errno` and stays a number here.

/// What an error means to the one who caused it; every other code (HTTP status, exit code,
/// wire code) follows from it by one exhaustive table.
public enum FaultKind: String, Sendable, CaseIterable {
    /// The request, flag or file is malformed or contradicts itself.
    case invalidArgument
    /// The named thing does not exist.
    case notFound
    /// The thing is in a state that does not allow the operation, or the name is taken.
    case conflict
    /// The operation asks for a state that already holds.
    case notModified
    /// The caller is not allowed to do this.
    case forbidden
    /// Credentials are missing or wrong.
    case unauthorized
    /// A body, document or archive is larger than its limit.
    case tooLarge
    /// The file system or a quota is full.
    case noSpace
    /// The container's command does not exist.
    case commandNotFound
    /// The container's command exists and cannot be executed.
    case commandNotExecutable
    /// This build, kernel or machine cannot do it.
    case unsupported
    /// A part that is needed does not answer, or not now.
    case unavailable
    /// Everything else: an operation failed for a reason that is not the caller's.
    case failed

    /// The status of the Engine API's answer.
    public var httpStatus: Int {
        switch self {
        case .invalidArgument: 400
        case .notFound: 404
        case .conflict: 409
        case .notModified: 304
        case .forbidden: 403
        case .unauthorized: 401
        case .tooLarge: 413
        case .noSpace: 507
        case .commandNotFound, .commandNotExecutable: 400
        case .unsupported: 501
        case .unavailable: 503
        case .failed: 500
        }
    }

    /// The exit code of a program that ends because of it; 125, 126 and 127 as docker's.
    public var exitCode: Int32 {
        switch self {
        case .commandNotFound: 127
        case .commandNotExecutable: 126
        case .invalidArgument, .notFound, .conflict, .notModified, .forbidden, .unauthorized, .tooLarge, .noSpace,
            .unsupported, .unavailable, .failed:
            125
        }
    }
}

/// An error with the trail of steps that led to it, outermost first:
/// `start container 4f3a: mount proc on /proc: Operation not permitted`.
public struct Fault: Error, Sendable, Hashable, CustomStringConvertible {
    /// What it means to the caller.
    public let kind: FaultKind
    /// The steps that were being done, outer to inner, each with its object's name.
    public private(set) var trail: [String]
    /// Why the innermost step failed.
    public let reason: String
    /// The errno behind it, where there was one.
    public let errno: Int32?

    /// Makes a fault from its parts; the trail grows by ``within(_:)`` as it travels outward.
    public init(_ kind: FaultKind, _ reason: String, errno: Int32? = nil, trail: [String] = []) {
        self.kind = kind
        self.reason = reason
        self.errno = errno
        self.trail = trail
    }

    /// The same fault with one more outer step in front of its trail.
    public func within(_ step: String) -> Fault {
        var copy = self
        copy.trail.insert(step, at: 0)
        return copy
    }

    /// Steps and reason on one line.
    public var description: String { (trail + [reason]).joined(separator: ": ") }
}

/// Runs `body` and puts `step` in front of the trail of any fault that leaves it.
/// - Throws: the fault of `body`, with the step added.
@inlinable public func within<Value: ~Copyable>(
    _ step: @autoclosure () -> String, _ body: () throws(Fault) -> Value
) throws(Fault) -> Value {
    do { return try body() } catch { throw error.within(step()) }
}
