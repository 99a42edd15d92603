// SysctlWriter owns the writing of kernel parameters, through a proc file system that only this
// process has: the container's /proc could be anything (CVE-2019-19921, CVE-2025-52881).
import CLinux
import Faults
import Linux

enum SysctlWriter {
    static func write(_ sysctls: [PlannedSysctl]) throws(Fault) {
        if sysctls.isEmpty { return }
        let proc = try attemptMount("make private proc") { () throws(MountError) in
            try Mount.make(type: "proc", source: "proc", attributes: [.noSetUID, .noDevices, .noExecute])
        }
        for sysctl in sysctls {
            try attempt("write sysctl \(sysctl.key)") { () throws(Errno) in
                try Procfs.write(sysctl.value, to: sysctl.path, in: proc)
            }
        }
    }
}
