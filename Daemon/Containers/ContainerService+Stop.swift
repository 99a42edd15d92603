// Stop, restart, kill: orders that end a run. None of them waits in the container's mailbox for a
// process to end, so a kill gets through while a stop is waiting.
import EngineAPI
import Faults
import ShimProtocol

extension ContainerService {
    /// Asks a container to end and, after its time, kills it; returns when everything of the run
    /// has been put away.
    /// - Throws: `notModified` when it does not run.
    package func stop(_ reference: String, timeoutSeconds: Int?, signal: String?) async throws(Fault) {
        let container = try registry.find(reference)
        let number = try optionalSignal(signal)
        try await stop(container, timeoutSeconds: timeoutSeconds, signal: number)
        publish("stop", container.record)
    }

    /// Stops a container where it runs and starts it.
    package func restart(_ reference: String, timeoutSeconds: Int?, signal: String?) async throws(Fault) {
        let container = try registry.find(reference)
        let number = try optionalSignal(signal)
        guard !container.record.hostConfig.autoRemove || !container.record.isRunning else {
            throw Fault(.conflict, "container \(container.id) is removed when it stops (AutoRemove) and cannot be restarted")
        }
        do throws(Fault) {
            try await stop(container, timeoutSeconds: timeoutSeconds, signal: number)
            publish("stop", container.record)
        } catch {
            guard error.kind == .notModified else { throw error }
        }
        do throws(Fault) {
            try await container.mailbox.perform { [self] () async throws(Fault) in try await startNow(container) }
        } catch {
            guard error.kind == .notModified else { throw error }
        }
        publish("restart", container.record)
    }

    private func stop(_ container: Container, timeoutSeconds: Int?, signal: Int32?) async throws(Fault) {
        let shim = try await container.mailbox.perform { [self] () async throws(Fault) -> ShimConnection in
            guard container.record.isRunning, let shim = container.shim else {
                throw Fault(.notModified, "container \(container.id) is not running")
            }
            await note(container) { $0.stoppedByUser = true }
            CrashPoint.stopRecord.pass()
            return shim
        }
        let rest = container.rest()
        let number = if let signal { signal } else { try stopSignal(container.record.config) }
        publish("kill", container.record, ["signal": String(number)])
        do throws(Fault) {
            try await shim.request(.stop(ShimRequest.Stop(signal: number, timeoutSeconds: timeoutSeconds)), within: nil)
        } catch {
            // A shim that ended meanwhile has told how, or its end is being looked into: rest follows.
            guard error.kind == .unavailable else { throw error }
        }
        CrashPoint.stopEnded.pass()
        guard await rest.value() != nil else { throw Fault(.unavailable, "the client went away") }
    }

    /// Sends a signal, SIGKILL where none is named; after SIGKILL, returns when the container has ended.
    /// - Throws: `conflict` when it does not run.
    package func kill(_ reference: String, signal: String?) async throws(Fault) {
        let container = try registry.find(reference)
        try await kill(container, try optionalSignal(signal == "0" ? nil : signal) ?? 9)
    }

    /// The signal that a client names, where it names one.
    private func optionalSignal(_ text: String?) throws(Fault) -> Int32? {
        guard let text, !text.isEmpty else { return nil }
        return try Signals.parse(text)
    }

    func kill(_ container: Container, _ number: Int32) async throws(Fault) {
        // A client may see the first output, and be interrupted, before its start has been noted.
        if case .starting = container.record.phase { try await container.mailbox.perform {} }
        guard container.record.isRunning, let shim = container.shim else {
            throw Fault(.conflict, "cannot kill container: \(container.record.name): container \(container.id) is not running")
        }
        let record = container.record
        // As docker: what a person kills stays dead, unless the signal is not the one that stops it.
        let own = record.config.stopSignal ?? ""
        let stopSignal = try stopSignal(record.config)
        let ends = number == 9 || own.isEmpty || number == stopSignal
        if ends {
            try await container.mailbox.perform { [self] () async throws(Fault) in
                if container.record.isRunning { await note(container) { $0.stoppedByUser = true } }
            }
        }
        let rest = container.rest()
        do throws(Fault) {
            if number == 9 {
                try await shim.request(.stop(ShimRequest.Stop(signal: 9, timeoutSeconds: 10)), within: nil)
            } else {
                try await shim.request(.signal(ShimRequest.Signal(signal: number, cancelRestart: ends ? true : nil)))
            }
        } catch {
            guard error.kind == .unavailable, number == 9 else { throw error }
        }
        publish("kill", record, ["signal": String(number)])
        if number == 9 { _ = await rest.value() }
    }

    /// Sets the size of a container's terminal.
    package func resize(_ reference: String, height: Int, width: Int) async throws(Fault) {
        let container = try registry.find(reference)
        guard let shim = container.shim, container.record.isRunning else {
            throw Fault(.conflict, "container \(container.id) is not running")
        }
        let size = try terminalSize(height: height, width: width)
        try await shim.request(.resize(ShimRequest.Resize(width: size.width, height: size.height)))
        publish("resize", container.record, ["height": String(height), "width": String(width)])
    }

    /// A terminal's size within what the kernel takes.
    func terminalSize(height: Int, width: Int) throws(Fault) -> (height: UInt16, width: UInt16) {
        guard let height = UInt16(exactly: height), let width = UInt16(exactly: width) else {
            throw Fault(.invalidArgument, "invalid terminal size \(width)x\(height)")
        }
        return (height, width)
    }
}
