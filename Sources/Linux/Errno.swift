import CLinux

/// The number a failed system call left behind: what Linux/ throws. What the caller was doing
/// and with what object is not its business; a `Fault` says that.
public struct Errno: Error, Hashable, Sendable, RawRepresentable, CustomStringConvertible {
    /// The kernel's number, as in errno(3).
    public let rawValue: CInt

    /// Wraps a kernel error number.
    public init(rawValue: CInt) { self.rawValue = rawValue }

    /// What the last failed call of this thread left in errno(3).
    public static var current: Errno { Errno(rawValue: cais_errno()) }

    /// The C library's sentence for it (strerror(3)).
    public var description: String { String(cString: strerror(rawValue)) }

    public static let again = Errno(rawValue: EAGAIN)
    public static let interrupted = Errno(rawValue: EINTR)
    public static let noEntry = Errno(rawValue: ENOENT)
    public static let exists = Errno(rawValue: EEXIST)
    public static let notPermitted = Errno(rawValue: EPERM)
    public static let access = Errno(rawValue: EACCES)
    public static let invalid = Errno(rawValue: EINVAL)
    public static let noProcess = Errno(rawValue: ESRCH)
    public static let noChild = Errno(rawValue: ECHILD)
    public static let busy = Errno(rawValue: EBUSY)
    public static let notEmpty = Errno(rawValue: ENOTEMPTY)
    public static let notDirectory = Errno(rawValue: ENOTDIR)
    public static let isDirectory = Errno(rawValue: EISDIR)
    public static let loop = Errno(rawValue: ELOOP)
    public static let noSystemCall = Errno(rawValue: ENOSYS)
    public static let notSupported = Errno(rawValue: ENOTSUP)
    public static let brokenPipe = Errno(rawValue: EPIPE)
    public static let noSpace = Errno(rawValue: ENOSPC)
    public static let crossDevice = Errno(rawValue: EXDEV)
    public static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
    public static let connectionRefused = Errno(rawValue: ECONNREFUSED)
    public static let connectionReset = Errno(rawValue: ECONNRESET)
    public static let addressInUse = Errno(rawValue: EADDRINUSE)
    public static let executableFormat = Errno(rawValue: ENOEXEC)
    public static let tooBig = Errno(rawValue: E2BIG)
    public static let range = Errno(rawValue: ERANGE)
    public static let noDevice = Errno(rawValue: ENODEV)
    public static let noAttribute = Errno(rawValue: ENODATA)
    public static let io = Errno(rawValue: EIO)
}

/// Calls `body` until it does not fail with EINTR and returns its value.
/// - Throws: `Errno` where `body` returned -1.
@discardableResult
@inlinable package func call<Value: FixedWidthInteger & SignedInteger>(_ body: () -> Value) throws(Errno) -> Value {
    while true {
        let value = body()
        if value != -1 { return value }
        let error = Errno.current
        if error != .interrupted { throw error }
    }
}

/// Calls `body` once and returns its value; EINTR is the caller's to see.
/// - Throws: `Errno` where `body` returned -1.
@discardableResult
@inlinable package func callOnce<Value: FixedWidthInteger & SignedInteger>(_ body: () -> Value) throws(Errno) -> Value {
    let value = body()
    if value == -1 { throw Errno.current }
    return value
}
