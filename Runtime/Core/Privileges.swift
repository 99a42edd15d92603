// Privileges owns what the runtime may do where it is not real root, and the sentences for what it may not.
import CLinux
import Faults
import Linux

package enum Privileges {
    /// Whether this process is in a user namespace other than the host's: there root has fewer
    /// rights than its capabilities say.
    package static var isNested: Bool {
        // Without /proc nothing works anyway, and says so.
        guard let bytes = try? Files.read("/proc/self/uid_map", limit: 1 << 16) else { return false }
        return IDRange.parse(String(decoding: bytes, as: UTF8.self), column: 1) != [IDRange(first: 0, count: UInt64(UInt32.max))]
    }

    /// Why init could not be cloned.
    static func explainClone(_ error: Errno, _ plan: NamespacePlan) -> Fault {
        let fault = Fault(error, "clone init")
        func because(_ reason: String) -> Fault { Fault(fault.kind, reason, errno: error.rawValue, trail: fault.trail) }
        let makesUserNamespace = plan.created.contains(.user)
        if error == .notPermitted && !makesUserNamespace && geteuid() != 0 {
            return because("without root a container needs a user namespace: linux.namespaces has none (cais-runtime spec --rootless makes a configuration that has)")
        }
        if error == .notPermitted && makesUserNamespace {
            return because("this machine lets this user make no user namespace (see the sysctls kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns)")
        }
        if error == .noSpace && makesUserNamespace {
            return because("there are as many user namespaces as may be, or one too many inside each other (see the sysctl user.max_user_namespaces)")
        }
        return fault
    }
}
