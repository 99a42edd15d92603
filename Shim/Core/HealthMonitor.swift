import CLinux
import Faults
import Lifecycle
import Linux

// HealthMonitor owns the looks at a container's health: when one begins, what it runs, and that it
// ends. What the results amount to is HealthTracker's.
//
//   run began ──delay──► runtime exec ──► the command runs ──► its end, or SIGKILL when it is late
//        ▲                    │ cannot                              │
//        └────────────────────┴───────────── result ◄───────────────┘

/// Looks at one container again and again.
final class HealthMonitor {
    /// One look; a result that belongs to an earlier run is nobody's.
    private final class Look {
        let start: Timestamp
        let output = HealthOutput()
        var pid: pid_t?
        var isLate = false
        var isOver = false
        var alarm: EventLoop.Alarm?

        init(start: Timestamp) { self.start = start }
    }

    private let check: HealthCheck
    private let id: String
    private let stateDirectory: String
    private let loop: EventLoop
    private let reaper: Reaper
    private let runtime: RuntimeClient
    private let changed: (HealthReport, _ isNewVerdict: Bool) -> Void
    private var tracker: HealthTracker?
    private var alarm: EventLoop.Alarm?
    private var look: Look?
    private var looks = 0

    /// - Parameter changed: called after each look, and when a run begins.
    init(
        _ check: HealthCheck, id: String, stateDirectory: String, loop: EventLoop, reaper: Reaper, runtime: RuntimeClient,
        changed: @escaping (HealthReport, _ isNewVerdict: Bool) -> Void
    ) {
        self.check = check
        self.id = id
        self.stateDirectory = stateDirectory
        self.loop = loop
        self.reaper = reaper
        self.runtime = runtime
        self.changed = changed
    }

    /// What is known of the present run, or of the last.
    private(set) var report = HealthReport()

    /// The container's command runs.
    func runBegan(at now: Timestamp) {
        stop()
        tracker = HealthTracker(check, startedAt: now)
        tell(isNewVerdict: true)
        arm()
    }

    /// Its first process has ended; what it was like is kept.
    func runEnded() { stop() }

    private func stop() {
        if let alarm { loop.cancel(alarm) }
        alarm = nil
        look?.isOver = true
        if let look { end(look) }
        look = nil
        tracker = nil
    }

    private func arm() {
        guard let tracker else { return }
        alarm = loop.after(tracker.delayMilliseconds(at: Clock.now())) { [unowned self] in
            alarm = nil
            begin()
        }
    }

    private func tell(isNewVerdict: Bool) {
        guard let tracker else { return }
        report = tracker.report
        changed(report, isNewVerdict)
    }

    // MARK: - A look

    private func begin() {
        looks += 1
        let look = Look(start: Clock.now())
        self.look = look
        let streams = ProcessStreams(isTerminal: false, input: .none, log: look.output, loop: loop)
        let ends: ChildEndsHolder
        do { ends = ChildEndsHolder(try streams.openPipes()) } catch {
            streams.end()
            return finish(look, code: -1, "open the check's output: \(error)")
        }
        // Without a process file a runtime takes the container's own process and puts the words in its place.
        let pidFile = "\(stateDirectory)/health-\(looks).pid"
        let invocation = RuntimeClient.Invocation(
            verb: "exec", arguments: ["--pid-file", pidFile, "-d", id] + check.command, streams: ends.inherited,
            limitMilliseconds: RuntimeClient.Limit.execMilliseconds, makesProcess: true, command: check.command.first)
        look.alarm = loop.after(check.timeoutMilliseconds) { [unowned self] in late(look) }
        runtime.call(invocation) { [unowned self] fault in
            ends.close()
            launched(look, streams, pidFile, fault)
        }
        ends.close()
    }

    private func launched(_ look: Look, _ streams: ProcessStreams, _ pidFile: String, _ failure: Fault?) {
        defer { _ = unlink(pidFile) }
        do throws(Fault) {
            if let failure { throw streams.explained(failure) }
            let pid = try PidFile.read(pidFile)
            look.pid = pid
            streams.startReading()
            reaper.expect(pid) { [unowned self] status in
                look.pid = nil
                streams.drain { [unowned self] in
                    streams.end()
                    finish(look, code: status.shellCode, nil)
                }
            }
            // Whoever came too late to be killed while it was being made.
            if look.isLate || look.isOver { end(look) }
        } catch {
            streams.end()
            finish(look, code: -1, error.description)
        }
    }

    /// Ends the command of a look, if it runs; its end comes by the reaper.
    private func end(_ look: Look) {
        if let alarm = look.alarm { loop.cancel(alarm) }
        look.alarm = nil
        if let pid = look.pid { kill(pid, SIGKILL) }
    }

    private func late(_ look: Look) {
        look.alarm = nil
        look.isLate = true
        end(look)
    }

    private func finish(_ look: Look, code: Int32, _ failure: String?) {
        if let alarm = look.alarm { loop.cancel(alarm) }
        look.alarm = nil
        // The run it looked at is over.
        guard self.look === look, tracker != nil else { return }
        self.look = nil
        var output = look.output.text
        if look.isLate {
            let limit = "Health check exceeded timeout (\(HealthMonitor.words(check.timeoutMilliseconds)))"
            output = output.isEmpty ? limit : "\(limit): \(output)"
        } else if let failure {
            output = failure
        }
        let result = HealthResult(start: look.start, end: Clock.now(), exitCode: look.isLate ? -1 : code, output: output)
        let isNewVerdict = tracker?.take(result) ?? false
        tell(isNewVerdict: isNewVerdict)
        // Who was told may have ended the run.
        if alarm == nil { arm() }
    }

    /// As docker writes durations: `500ms`, `1.5s`, `30s`, `1m0s`.
    static func words(_ milliseconds: Int64) -> String {
        if milliseconds < 1_000 { return "\(milliseconds)ms" }
        let minutes = milliseconds / 60_000
        let rest = milliseconds % 60_000
        var fraction = ""
        if rest % 1_000 > 0 {
            let digits = String(1_000 + rest % 1_000).dropFirst()
            fraction = "." + String(digits.reversed().drop { $0 == "0" }.reversed())
        }
        let seconds = "\(rest / 1_000)\(fraction)s"
        if minutes == 0 { return seconds }
        return minutes < 60 ? "\(minutes)m\(seconds)" : "\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }
}

/// Keeps the beginning of what a look's command writes and takes the rest, so that it never waits.
private final class HealthOutput: LogDriver {
    private var bytes: [UInt8] = []
    let bytesLost: Int64 = 0

    var text: String { String(decoding: bytes, as: UTF8.self) }

    func take(_ fresh: UnsafeRawBufferPointer, of stream: OutputStream, isLast: Bool) -> Int {
        bytes += fresh.prefix(HealthResult.outputBytesMax - bytes.count)
        return fresh.count
    }

    func rest() {}
}
