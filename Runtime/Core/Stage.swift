// Stage owns the process in between, where the runtime cannot clone straight into a container's
// user namespace: one that has entered it can make no child for the runtime's own side any more,
// and cannot come back. So a short-lived child enters, and clones as the runtime's child.
//
//     runtime                 stage                       new process
//        |-- fork ------------->| score, hide, cgroup
//        |                      | user namespace, others
//        |                      |-- clone (CLONE_PARENT) ---->|
//        |<- its pid, or failed-|                             |
import CLinux
import Faults
import Linux

struct Stage {
    /// The kinds that are made new for the child.
    let namespaces: NamespaceSet
    /// Forks the stage into the v2 cgroup that its child shall be in.
    let fork: () throws(Fault) -> Clone.Side

    /// Clones through a stage that does `enter` first.
    /// - Returns: in the runtime and in the new process; never in the stage.
    func clone(enter: () throws(Fault) -> Void) throws(Fault) -> Clone.Side {
        let report = try attempt("pipe") { () throws(Errno) in try UnixSocket.pair().split() }
        let side: Clone.Side
        do throws(Fault) { side = try fork() } catch {
            close(report.left)
            close(report.right)
            throw error
        }
        guard case .parent(let stage, let stagePidfd) = side else {
            close(report.left)
            return try main(report: report.right, enter: enter)
        }
        close(report.right)
        close(stagePidfd)
        let socket = HandshakeSocket(descriptor: FileDescriptor(owning: report.left))
        let message = try attempt("hear from stage") { () throws(Errno) in try socket.receive() }
        let status = Hooks.reap(stage)
        switch message {
        case .warning(let text):
            guard let pid = pid_t(text) else { break }
            let pidfd = try attempt("open the new process") { () throws(Errno) in try call { cais_pidfd_open(pid, 0) } }
            return .parent(child: pid, pidfd: pidfd)
        case .failed(let fault), .hookFailed(let fault): throw fault
        case .listener(let number): close(number)
        case .ready, .hooksDue, nil: break
        }
        throw Fault(.failed, "stage ended without a word: \(Creation.describe(status))")
    }

    /// In the stage: returns only in the process that it clones, whose pid it reports as text.
    private func main(report: CInt, enter: () throws(Fault) -> Void) throws(Fault) -> Clone.Side {
        let socket = HandshakeSocket(descriptor: FileDescriptor(owning: report))
        do throws(Fault) {
            try enter()
            let side = try attempt("clone") { () throws(Errno) in try Clone.fork(namespaces: namespaces, sibling: true) }
            guard case .parent(let child, _) = side else { return side }
            // The runtime that does not hear it is gone, and the child will see that.
            try? socket.send(.warning(String(child)))
        } catch { try? socket.send(.failed(error)) /* as above */ }
        _exit(0)
    }
}

extension Identity {
    /// Becomes root of the user namespace that was just made or entered, or, where it maps no
    /// root, whoever its first line maps: files made by one who is not mapped would have no owner.
    static func becomeNamespaceRoot() throws(Fault) {
        try attempt("become root of the user namespace") { () throws(Errno) in
            do throws(Errno) { try setGroups([]) } catch { if error != .notPermitted { throw error } }
            try take("gid_map", setGroup)
            try take("uid_map", setUser)
        }
    }

    private static func take(_ map: String, _ set: (UInt32) throws(Errno) -> Void) throws(Errno) {
        do throws(Errno) { return try set(0) } catch { guard error == .invalid else { throw error } }
        let text = String(decoding: try Files.read("/proc/self/\(map)", limit: 1 << 16), as: UTF8.self)
        guard let first = IDRange.parse(text, column: 0).first else { throw .invalid }
        try set(UInt32(first.first))
    }
}
