// CreateOptions owns what the caller of create, run and exec chose beside the configuration.
import CLinux
import Faults
import Linux

package struct CreateOptions: Sendable {
    /// The socket that gets a terminal's master end.
    package var consoleSocketPath: String?
    /// The same as an open socket, taken over; for a caller that holds the terminal itself.
    package var consoleDescriptor: CInt?
    /// The file that gets init's pid.
    package var pidFile: String?
    /// Change the root with chroot(2), where pivot_root(2) cannot work (a root on initramfs).
    package var noPivot = false
    /// Keep the caller's session keyring.
    package var noNewKeyring = false
    /// The descriptors after the standard streams that the program gets.
    package var passed = PassedDescriptors()
    /// The socket that gets the process's pidfd.
    package var pidfdSocketPath: String?
    /// The service manager that wants to hear when the program is ready.
    package var notifyAddress: String?
    /// Whether failing to use cgroups is only a warning (rootless).
    package var cgroupTolerance = CgroupTolerance.never

    /// exec: whether a paused container is entered all the same.
    package var toleratesPaused = false

    /// Filled in on the way: whether there are hooks to run before the program.
    var hasHooks = false

    /// The defaults.
    package init() {}

    /// A connection to the socket for the pidfd, made before there is a process; nil without one.
    func connectPidfdSocket() throws(Fault) -> FileDescriptor? {
        guard let path = pidfdSocketPath else { return nil }
        return try attempt("connect to pidfd socket \(path)") { () throws(Errno) in try UnixSocket.connect(path) }
    }

    /// A terminal needs someone who holds its other end, and only a terminal does.
    func checkConsole(hasTerminal: Bool) throws(Fault) {
        let hasHolder = consoleSocketPath != nil || consoleDescriptor != nil
        if hasTerminal && !hasHolder { throw Fault(.invalidArgument, "cannot allocate tty if detached without setting console socket") }
        if !hasTerminal && hasHolder { throw Fault(.invalidArgument, "cannot use console socket if not allocating tty") }
    }

    /// A descriptor of the socket for the master end, which the caller closes; nil without a terminal.
    func openConsoleSocket(hasTerminal: Bool) throws(Fault) -> CInt? {
        try checkConsole(hasTerminal: hasTerminal)
        if let consoleDescriptor { return consoleDescriptor }
        guard let path = consoleSocketPath else { return nil }
        return try attempt("connect to console socket \(path)") { () throws(Errno) in try UnixSocket.connect(path).release() }
    }
}
