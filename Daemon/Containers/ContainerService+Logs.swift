// Logs: a container's output, from its file.
import EngineAPI
import Faults

extension ContainerService {
    /// How long a follower sleeps at most between two looks at the file.
    static let followMillisecondsMax = 100

    /// A container's output in docker's frames, or raw where it has a terminal. Each chunk is read
    /// when it is asked for.
    package func logs(_ reference: String, options: LogOptions) async throws(Fault) -> (tty: Bool, chunks: AsyncThrowingStream<[UInt8], any Error>) {
        let container = try registry.find(reference)
        guard options.stdout || options.stderr else {
            throw Fault(.invalidArgument, "you must choose at least one stream")
        }
        return (container.record.config.tty, try await logs(of: container, options))
    }

    func logs(of container: Container, _ options: LogOptions) async throws(Fault) -> AsyncThrowingStream<[UInt8], any Error> {
        let record = container.record
        guard try LogPlan(record.hostConfig.logConfig) != .none else {
            throw Fault(.unsupported, "configured logging driver does not support reading")
        }
        let path = configuration.logPath(record.id.text)
        let cursor = try await blocking { () throws(Fault) in
            try LogCursor(path: path, options: options, framed: !record.config.tty)
        }
        let follow = options.follow && record.isRunning
        return AsyncThrowingStream {
            var sleep = 5
            while !Task.isCancelled {
                // Looked at before reading: what was written before the end is read after it.
                let running = follow && container.record.isRunning && !container.isRemoved
                let chunk = try await self.blocking { () throws(Fault) in try cursor.next() }
                if !chunk.isEmpty { return chunk }
                guard running, !cursor.isPastUntil else { return nil }
                if let until = options.until, Timestamp.now() > until { return nil }
                try await Task.sleep(for: .milliseconds(sleep))
                sleep = min(sleep * 2, Self.followMillisecondsMax)
            }
            return nil
        }
    }
}
