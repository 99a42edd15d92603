// CrashPoint owns the numbered steps at which a test may end the daemon, to see that its next
// start puts right what is half done (docs/design/0007-container-lifecycle.md).
import CLinux

/// A moment just after a step of create, start, stop, exit or remove.
package enum CrashPoint: String, CaseIterable, Sendable {
    /// The record says "creating".
    case createRecord = "create.1"
    /// The writable layer is there.
    case createRootfs = "create.2"
    /// The record says "created", nobody was told.
    case createDone = "create.3"
    /// The record says "starting".
    case startRecord = "start.1"
    /// Namespace, link, address and ports are there.
    case startNetwork = "start.2"
    /// The root file system is mounted.
    case startMount = "start.3"
    /// The bundle is written.
    case startBundle = "start.4"
    /// The shim's process is there, not ready yet.
    case startShim = "start.5"
    /// The shim has made the container.
    case startReady = "start.6"
    /// The daemon is connected, early attaches are passed on.
    case startAttach = "start.7"
    /// The container's command runs.
    case startRelease = "start.8"
    /// The record says "running", nobody was told.
    case startDone = "start.9"
    /// The record says that somebody stopped it.
    case stopRecord = "stop.1"
    /// The container has ended.
    case stopEnded = "stop.2"
    /// After an exit: the network is taken away.
    case exitNetwork = "exit.1"
    /// After an exit: the root file system is unmounted.
    case exitUnmount = "exit.2"
    /// After an exit: the record says how it ended.
    case exitRecord = "exit.3"
    /// After an exit: the bundle is gone, nobody was told.
    case exitDone = "exit.4"
    /// The record says "removing".
    case removeRecord = "remove.1"
    /// The writable layer is gone.
    case removeRootfs = "remove.2"
    /// The container's directory is gone.
    case removeFiles = "remove.3"
    /// The record is gone, nobody was told.
    case removeDone = "remove.4"

    /// The variable that names the point to die at.
    package static let variable = "CAIS_CRASH_AT"

    private static let armed: CrashPoint? = getenv(variable).flatMap { CrashPoint(rawValue: String(cString: $0)) }

    /// Ends the process at once, without a word to anybody, when this is the point it was told to die at.
    func pass() {
        if CrashPoint.armed == self { _exit(70) }
    }
}
