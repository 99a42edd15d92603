import Faults
import Lifecycle

// ShimOptions is what a shim is told when it is started; it does not change while it lives, save
// the restart policy.

/// The settings of one shim.
package struct ShimOptions: Sendable {
    /// Where the container's output is kept.
    package enum Log: Hashable, Sendable {
        /// Nowhere.
        case none
        /// In a file of Docker's json-file format.
        case jsonFile(path: String, sizeMax: Int64, filesMax: Int)

        /// The file, where there is one.
        var path: String? {
            switch self {
            case .none: nil
            case .jsonFile(let path, _, _): path
            }
        }
    }

    /// The container's ID.
    package var id: String
    /// The bundle's directory, absolute.
    package var bundle: String
    /// Where socket and records are, absolute.
    package var stateDirectory: String
    /// The runtime's file.
    package var runtime: String
    /// The runtime's own state directory; its default where nil.
    package var runtimeRoot: String?
    /// The log.
    package var log: Log
    /// Whether the container has a terminal.
    package var isTerminal: Bool
    /// What feeds its input: none, once or open.
    package var input: String
    /// The restart policy.
    package var restartPolicy: RestartPolicy
    /// What is run to see whether it is well.
    package var healthCheck: HealthCheck?
    /// Whether it is ended and started again when it is not.
    package var restartsUnhealthy: Bool
    /// What asks it to stop.
    package var stopSignal: Int32
    /// How long that may take before SIGKILL; negative is for ever.
    package var stopTimeoutSeconds: Int
    /// Whether the first run waits for the request `start`.
    package var waitsForStart: Bool
    /// Where readiness is told.
    package var readyDescriptor: Int32?
    /// How long a client may leave its output waiting.
    package var stallSeconds: Int

    /// The size at which a log is put aside, when nothing else is said: 10 MB.
    package static let logSizeMaxDefault: Int64 = 10_000_000
    /// How long a client may leave its output waiting.
    package static let stallSecondsOffered = StreamLimits.stallSecondsDefault
    /// How many log files are kept.
    package static let logFilesMaxDefault = 5
    /// How long a stop may take.
    package static let stopTimeoutSecondsDefault = 10

    /// Settings with every default.
    package init(id: String, bundle: String, stateDirectory: String, runtime: String) {
        self.id = id
        self.bundle = bundle
        self.stateDirectory = stateDirectory
        self.runtime = runtime
        log = .none
        isTerminal = false
        input = ProcessStreams.Input.none.rawValue
        restartPolicy = .no
        restartsUnhealthy = false
        stopSignal = SignalNumber.terminate
        stopTimeoutSeconds = ShimOptions.stopTimeoutSecondsDefault
        waitsForStart = false
        stallSeconds = StreamLimits.stallSecondsDefault
    }
}
