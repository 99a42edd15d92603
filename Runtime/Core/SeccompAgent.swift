// SeccompAgent owns the message to whoever answers a container's system calls: one connection for
// each process, with the notification descriptor beside its state (config-linux.md, seccomp).
import CLinux
import Faults
import Linux
import OCISpec

enum SeccompAgent {
    /// Tells the agent of `profile`, in the runtime's namespaces, about the process `pid`.
    /// - Throws: what the socket says: an agent that is not there is an error, since the process would
    ///   wait for its answers for ever.
    static func tell(
        _ profile: RuntimeSpec.Linux.Seccomp?, listener: borrowing FileDescriptor, pid: pid_t, state: RuntimeState
    ) throws(Fault) {
        guard let profile, let path = profile.listenerPath else { throw Fault(.failed, "a notification descriptor nobody asked for") }
        let message = ContainerProcessState(
            fds: [ContainerProcessState.seccompDescriptor], pid: pid, metadata: profile.listenerMetadata, state: state)
        let bytes = try JSON.encode(message)
        let number = listener.rawValue
        try attempt("send seccomp state to \(path)") { () throws(Errno) in
            try UnixSocket.send(bytes, descriptors: [number], on: try UnixSocket.connect(path))
        }
    }
}
