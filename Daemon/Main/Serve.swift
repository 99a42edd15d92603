// Serve owns the life of the daemon's process: from claiming its places to the signal that ends it.
import CLinux
import EngineServer
import Faults
import Flags
import Linux
import Logging

/// The engine's version.
let engineVersion = "0.1.0"

/// Runs the engine until a signal ends it. Needs root: namespaces, mounts, cgroups and devices.
func serve(_ arguments: Arguments) -> Never {
    let configuration: DaemonConfiguration
    do throws(Fault) { configuration = try DaemonConfiguration.read(arguments) } catch { fail(error) }
    guard geteuid() == 0 else { fail(Fault(.forbidden, "the engine needs to be started as root")) }

    DaemonLog.setLevel(configuration.effectiveLogLevel)
    LoggingSystem.bootstrap { DaemonLog(label: $0) }
    let signals = Signals.take()
    Process.prepare()

    let engine: Engine
    do throws(Fault) { engine = try Engine(claiming: configuration) } catch { fail(error) }
    Task {
        do throws(Fault) { try await engine.start() } catch {
            engine.release()
            fail(error)
        }
    }
    waitForEnd(signals, arguments, engine)
}

/// Takes signals on the first thread until one ends the daemon.
private func waitForEnd(_ signals: Signals, _ arguments: Arguments, _ engine: Engine) -> Never {
    let logger = Logger(label: "caisd")
    while true {
        switch signals.next() {
        case SIGHUP:
            reload(arguments, logger)
        case let signal:
            logger.info("the engine ends, containers run on", metadata: ["signal": "\(signal)"])
            Task {
                await engine.stop()
                exit(0)
            }
            // A second signal, or ten seconds, end it without more ado: nothing depends on a clean end.
            _ = signals.next(seconds: 10)
            engine.release()
            exit(0)
        }
    }
}

/// Takes the log level of the file over; everything else needs a new start.
private func reload(_ arguments: Arguments, _ logger: Logger) {
    do throws(Fault) {
        let configuration = try DaemonConfiguration.read(arguments)
        DaemonLog.setLevel(configuration.effectiveLogLevel)
        logger.notice("configuration read anew", metadata: ["level": "\(configuration.effectiveLogLevel)"])
    } catch {
        logger.error("configuration not taken over", metadata: ["error": "\(error)"])
    }
}

/// The signals that the daemon knows, blocked in every thread and taken by one.
struct Signals: Sendable {
    private static let known = [SIGTERM, SIGINT, SIGHUP]

    /// Blocks them; call it before any other thread exists.
    static func take() -> Signals {
        var set = mask()
        // Writing to a client that has gone is an error of that write, and no reason to die.
        sigaddset(&set, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        return Signals()
    }

    /// Waits for the next one.
    func next() -> Int32 {
        var set = Self.mask()
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }

    /// Waits for the next one, so long; nil when none came.
    func next(seconds: Int) -> Int32? {
        var set = Self.mask()
        var time = timespec(tv_sec: seconds, tv_nsec: 0)
        let number = sigtimedwait(&set, nil, &time)
        return number > 0 ? number : nil
    }

    private static func mask() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in known { sigaddset(&set, number) }
        return set
    }
}

/// What the daemon's process is like.
enum Process {
    /// Descriptors that an engine with many clients and containers may need.
    private static let descriptorCount: rlim_t = 1 << 20

    /// Sets what every file it makes and every client it serves depends on.
    static func prepare() {
        umask(0o022)
        _ = chdir("/")
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, descriptorCount))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
