import CLICore
import EngineAPI
import Faults
import Glibc
import Linux

/// What `run`, `start -a` and `attach` share: the stream, the answer to wait, signals, the terminal.
struct AttachedContainer {
    let client: EngineClient
    let id: String
    let isTerminal: Bool
    let forwardsStdin: Bool
    let keys: DetachKeys
    let proxiesSignals: Bool

    /// Attaches, starts the container and stays until it has exited.
    /// - Returns: the container's exit code; 0 when the user detached.
    func run(attachQuery: [(name: String, value: String)], waitCondition: String) throws(Fault) -> Int32 {
        // Taken over before the container exists as a process, so that no signal is lost between.
        let signals = try signalSource()
        let stream = try client.hijack(Request("POST", "/containers/\(id)/attach", query: attachQuery))
        // The engine answers with the head of wait before the container may start, or its exit could be missed.
        let wait = try client.stream(Request("POST", "/containers/\(id)/wait", query: [("condition", waitCondition)]))
        do throws(Fault) { try client.perform(Request("POST", "/containers/\(id)/start")) } catch {
            close(stream.socket)
            // With --rm the engine removes what did not start, and says so by answering wait.
            if waitCondition == "removed" { while let _ = try? wait.next() {} }  // The start's own error is the one to report.
            throw error
        }
        return try session(stream, wait: wait, signals: signals)
    }

    /// Attaches to a container that runs.
    func join(attachQuery: [(name: String, value: String)]) throws(Fault) -> Int32 {
        let signals = try signalSource()
        let wait = try client.stream(Request("POST", "/containers/\(id)/wait"))
        let stream = try client.hijack(Request("POST", "/containers/\(id)/attach", query: attachQuery))
        return try session(stream, wait: wait, signals: signals)
    }

    private func signalSource() throws(Fault) -> SignalSource? {
        var wanted = proxiesSignals ? SignalSource.proxied : []
        if isTerminal { wanted.append(SignalSource.windowChanged) }
        return wanted.isEmpty ? nil : try SignalSource(wanted)
    }

    private func session(_ stream: RawStream, wait: Exchange, signals: SignalSource?) throws(Fault) -> Int32 {
        let raw = isTerminal && forwardsStdin && Terminal.isTerminal(STDIN_FILENO)
        let settings = raw ? try Terminal.makeRaw(STDIN_FILENO) : nil
        defer { if let settings { Terminal.restore(settings) } }
        if isTerminal { Resizing.first { resize() } }
        var plan = Session.Plan()
        plan.forwardsStdin = forwardsStdin
        plan.isTerminal = isTerminal
        plan.detachKeys = raw ? keys : nil
        plan.onResize = { resize() }
        plan.onSignal = { signal in
            // The container may have exited a moment ago; then there is nobody to tell.
            try? client.perform(Request("POST", "/containers/\(id)/kill", query: [("signal", SignalName.of(signal))]))
        }
        switch try Session(stream, wait: wait, signals: signals, plan: plan).run() {
        case .detached: return 0
        case .finished(let answer):
            if let error = answer?.error { throw Fault(.failed, error.message) }
            return Int32(truncatingIfNeeded: answer?.statusCode ?? 0)
        }
    }

    @discardableResult
    private func resize() -> Bool {
        Resizing.perform(client, "/containers/\(id)/resize")
    }
}

/// Tells the engine the size of the user's window.
enum Resizing {
    /// Whether it worked: a process that has just exited, or not quite begun, has no window.
    static func perform(_ client: EngineClient, _ path: String) -> Bool {
        guard let size = Terminal.size(STDOUT_FILENO) else { return true }
        let request = Request("POST", path, query: [("h", String(size.height)), ("w", String(size.width))])
        do throws(Fault) { try client.perform(request) } catch { return false }
        return true
    }

    /// The size at the beginning: an engine may answer before the process has its terminal, so a
    /// refusal is tried again ten times within half a second.
    static func first(_ resize: () -> Bool) {
        for attempt in 1...10 {
            if resize() { return }
            usleep(useconds_t(attempt * 10_000))
        }
    }
}
