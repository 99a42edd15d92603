// SysctlWriter owns the writing of kernel parameters, through a proc file system that only this
// process has: the container's /proc could be anything (CVE-2019-19921, CVE-2025-52881).
import CLinux
import Faults
import Linux

enum SysctlWriter {
    /// - Parameter seesHost: whether `/` is the host's still, and not a tree of the container's.
    static func write(_ sysctls: [PlannedSysctl], seesHost: Bool) throws(Fault) {
        if sysctls.isEmpty { return }
        let proc = try openProc(seesHost: seesHost)
        for sysctl in sysctls {
            try attempt("write sysctl \(sysctl.key)") { () throws(Errno) in
                try Procfs.write(sysctl.value, to: sysctl.path, in: proc)
            }
        }
    }

    private static func openProc(seesHost: Bool) throws(Fault) -> FileDescriptor {
        do throws(MountError) {
            return try Mount.make(type: "proc", source: "proc", attributes: [.noSetUID, .noDevices, .noExecute])
        } catch {
            guard seesHost && error.errno == .notPermitted else { throw Fault(error, "make private proc") }
            // In a user namespace none is made for a pid namespace that is the host's. Whichever proc
            // is written through, parameters are those of the writer's own namespaces.
            return try attempt("open /proc") { () throws(Errno) in try Files.open("/proc", flags: O_PATH | O_DIRECTORY) }
        }
    }
}
