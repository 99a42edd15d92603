// Birth owns how init is cloned into the right namespaces when some of them exist already.
import CLinux
import Faults
import Linux

/// Pid and time namespaces are entered by children only, so the runtime points its children
/// there, clones, and points back. A joined user namespace cannot be left again: then a process
/// in between (the stage) enters it and clones init as the runtime's own child.
struct Birth {
    let plan: NamespacePlan
    /// Descriptors in the order of `plan.joined`.
    let joined: [CInt]
    /// The v2 cgroup that init is born in.
    let cgroup: CInt?

    /// Whether a process in between is needed.
    var needsStage: Bool { plan.path(of: .user) != nil }

    func clone() throws(Fault) -> Clone.Side {
        try needsStage ? cloneThroughStage() : cloneDirectly()
    }

    private func descriptor(of kind: NamespaceSet) -> CInt? {
        zip(plan.joined, joined).first { $0.0.kind == kind }?.1
    }

    private func enter(_ kind: NamespaceSet, _ name: String) throws(Fault) {
        guard let number = descriptor(of: kind) else { return }
        try attempt("join \(name) namespace \(plan.path(of: kind) ?? "")") { () throws(Errno) in
            try call { setns(number, CInt(bitPattern: kind.rawValue)) }
        }
    }

    /// New time namespaces get their offsets before anybody is in them.
    private func makeTimeNamespace() throws(Fault) {
        guard plan.created.contains(.time) else { return }
        try attempt("make time namespace") { () throws(Errno) in
            try Namespaces.unshare(.time)
            guard !plan.timeOffsets.isEmpty else { return }
            let file = try Files.open("/proc/self/timens_offsets", flags: O_WRONLY)
            try file.writeAll(plan.timeOffsets.utf8)
        }
    }

    private func cloneDirectly() throws(Fault) -> Clone.Side {
        let isPidJoined = descriptor(of: .pid) != nil
        let homes: (pid: CInt?, time: CInt?) = try attempt("open own namespaces") { () throws(Errno) in
            (isPidJoined ? try Namespaces.own("pid").release() : nil, plan.created.contains(.time) ? try Namespaces.own("time").release() : nil)
        }
        try enter(.pid, "pid")
        try makeTimeNamespace()
        let side = try attempt("clone init") { () throws(Errno) in try Clone.fork(namespaces: plan.cloned, into: cgroup) }
        guard case .parent = side else { return side }
        for (home, kind) in [(homes.pid, NamespaceSet.pid), (homes.time, NamespaceSet.time)] {
            guard let home else { continue }
            // Hooks and later children belong to the runtime's own namespaces.
            try attempt("return to own namespaces") { () throws(Errno) in try call { setns(home, CInt(bitPattern: kind.rawValue)) } }
            close(home)
        }
        return side
    }

    private func cloneThroughStage() throws(Fault) -> Clone.Side {
        let report = try attempt("pipe") { () throws(Errno) in try UnixSocket.pair().split() }
        guard case .parent(let stage, let stagePidfd) = try attempt("clone stage", { () throws(Errno) in try Clone.fork(into: cgroup) }) else {
            return try stageMain(report: report.right)
        }
        close(report.right)
        close(stagePidfd)
        let socket = HandshakeSocket(descriptor: FileDescriptor(owning: report.left))
        let message = try attempt("hear from stage") { () throws(Errno) in try socket.receive() }
        let status = Hooks.reap(stage)
        switch message {
        case .warning(let text):
            guard let pid = pid_t(text) else { break }
            let pidfd = try attempt("open init") { () throws(Errno) in try call { cais_pidfd_open(pid, 0) } }
            return .parent(child: pid, pidfd: pidfd)
        case .failed(let fault): throw fault
        case .ready, .hooksDue, nil: break
        }
        throw Fault(.failed, "stage before container init ended without a word: \(Creation.describe(status))")
    }

    /// The stage is born in the cgroup, which it could not enter as the user namespace's root, and init with it.
    /// In the stage: returns only in init, which it clones; reports init's pid as text.
    private func stageMain(report: CInt) throws(Fault) -> Clone.Side {
        let socket = HandshakeSocket(descriptor: FileDescriptor(owning: report))
        do throws(Fault) {
            try enter(.user, "user")
            try attempt("become root of the user namespace") { () throws(Errno) in
                try Identity.setGroup(0)
                try Identity.setUser(0)
            }
            try enter(.pid, "pid")
            try makeTimeNamespace()
            let side = try attempt("clone init") { () throws(Errno) in try Clone.fork(namespaces: plan.cloned, sibling: true) }
            guard case .parent(let child, _) = side else { return side }
            // The runtime that does not hear it is gone, and init will see that.
            try? socket.send(.warning(String(child)))
        } catch { try? socket.send(.failed(error)) /* as above */ }
        _exit(0)
    }
}
