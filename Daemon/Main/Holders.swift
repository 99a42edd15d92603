// Holders own a value each that is shared between the thread that waits for signals and the tasks.
import Synchronization

/// A value that is set once.
final class Once<Value: Sendable>: Sendable {
    private let stored = Mutex<Value?>(nil)

    /// The value; nil before it is set.
    var value: Value? { stored.withLock { $0 } }

    /// Sets it.
    func set(_ value: Value) { stored.withLock { $0 = value } }
}

/// Keeps the claims until the process ends.
final class ClaimsHolder: Sendable {
    private let claims: Claims

    init(_ claims: consuming Claims) { self.claims = claims }

    /// Takes the pid file away.
    func release() { claims.release() }
}
