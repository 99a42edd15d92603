// Attach and wait: how clients take part in a run.
import EngineAPI
import Faults
import Linux
import ShimProtocol

extension ContainerService {
    /// Gets in line for the end or removal of a container; the place is taken when this returns.
    package func wait(_ reference: String, condition: WaitCondition) async throws(Fault) -> WaitTicket {
        try registry.find(reference).ticket(condition)
    }

    /// Joins a container's streams: at once where it has a shim, else with its next start.
    package func attach(_ reference: String, options: AttachOptions) async throws(Fault) -> AttachSession {
        let container = try registry.find(reference)
        let record = container.record
        let backlog = options.logs
            ? try await logs(of: container, LogOptions(stdout: options.stdout, stderr: options.stderr)) : nil
        let (mine, theirs) = try system("make a stream") { () throws(Errno) in try UnixSocket.pair() }.split()
        let session = AttachSession(stream: FileDescriptor(owning: mine), tty: record.config.tty, backlog: backlog)
        guard options.stream else {
            FileDescriptor(owning: theirs).letGo()
            return session
        }
        let order = ShimRequest.Attach(
            stdin: options.stdin && record.config.openStdin, stdout: options.stdout, stderr: options.stderr)
        if let shim = try container.shimForAttach(order, stream: theirs) {
            try await shim.request(.attach(order), passing: theirs)
        }
        publish("attach", container.record)
        return session
    }
}

extension FileDescriptor {
    /// Closes it now.
    consuming func letGo() {}
}
