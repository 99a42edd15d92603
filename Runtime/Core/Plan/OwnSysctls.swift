// OwnSysctls owns the look at namespaces that are joined by their path, when kernel parameters are set in them: a path may
// lead to the caller's own.
import CLinux
import Faults
import Linux

extension ContainerPlan {
    /// Throws where a parameter would be set in a namespace, open as `descriptor`, that is the caller's own and so not the container's.
    func checkSysctls(in descriptor: CInt, _ namespace: NamespacePlan.Joined) throws(Fault) {
        for sysctl in sysctls where SysctlPlan.owner(of: try SysctlPlan.parts(of: sysctl.key))?.set == namespace.kind {
            var (theirs, ours) = (stat(), stat())
            try attempt("look at \(namespace.name) namespace \(namespace.path)") { () throws(Errno) in
                try call { fstat(descriptor, &theirs) }
                try call { stat("/proc/self/ns/\(namespace.kind == .network ? "net" : namespace.name)", &ours) }
            }
            guard theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev else {
                throw Fault(.invalidArgument, "sysctl \"\(sysctl.key)\" is not allowed in the host's own \(namespace.name) namespace")
            }
        }
    }
}
