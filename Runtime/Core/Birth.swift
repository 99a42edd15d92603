// Birth owns how init is cloned into the right namespaces when some of them exist already.
import CLinux
import Faults
import Linux

/// Pid and time namespaces are entered by children only, so the runtime points its children
/// there, clones, and points back. A joined user namespace cannot be left again: then a stage
/// enters it and clones init as the runtime's own child.
struct Birth {
    let plan: NamespacePlan
    /// Descriptors in the order of `plan.joined`.
    let joined: [CInt]
    /// The v2 cgroup that init is born in.
    let cgroup: CInt?

    /// Whether a process in between is needed.
    var needsStage: Bool { plan.path(of: .user) != nil }

    /// - Parameter before: what a stage has to do before it enters: hide, and join v1 cgroups.
    func clone(before: () throws(Fault) -> Void) throws(Fault) -> Clone.Side {
        Clone.requireOneThread()
        return try needsStage ? cloneThroughStage(before) : cloneDirectly()
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
        let side: Clone.Side
        do throws(Errno) { side = try Clone.fork(namespaces: plan.cloned, into: cgroup) } catch { throw Privileges.explainClone(error, plan) }
        guard case .parent = side else { return side }
        for (home, kind) in [(homes.pid, NamespaceSet.pid), (homes.time, NamespaceSet.time)] {
            guard let home else { continue }
            // Hooks and later children belong to the runtime's own namespaces.
            try attempt("return to own namespaces") { () throws(Errno) in try call { setns(home, CInt(bitPattern: kind.rawValue)) } }
            close(home)
        }
        return side
    }

    /// The stage is in the cgroup, which the user namespace's root could not enter, and init with it.
    private func cloneThroughStage(_ before: () throws(Fault) -> Void) throws(Fault) -> Clone.Side {
        let fork = { [cgroup] () throws(Fault) in try attempt("clone stage") { () throws(Errno) in try Clone.fork(into: cgroup) } }
        return try Stage(namespaces: plan.cloned, fork: fork).clone { () throws(Fault) in
            try before()
            try enter(.user, "user")
            try Identity.becomeNamespaceRoot()
            try enter(.pid, "pid")
            try makeTimeNamespace()
        }
    }
}
