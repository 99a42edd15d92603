import CLinux
import CSeccomp
import Faults
import Linux
import OCISpec

/// What filters can be made here: what this build's library knows, and what this kernel takes.
package enum SeccompSupport {
    /// The library's version, `2.5.4`.
    package static var libraryVersion: String {
        let version = cais_scmp_version()
        return "\(version >> 16).\(version >> 8 & 0xFF).\(version & 0xFF)"
    }

    /// The architectures that a filter here can be about: the library knows their system calls, and they have this
    /// machine's byte order.
    package static var architectures: [RuntimeSpec.Linux.SeccompArchitecture] {
        guard let context = seccomp_init(SCMP_ACT_ALLOW) else { return [] }
        defer { seccomp_release(context) }
        return RuntimeSpec.Linux.SeccompArchitecture.allCases.filter { architecture in
            do throws(Fault) { try SeccompCompiler.add(architecture, to: context) } catch { return false }
            return true
        }
    }

    /// The flags that this kernel takes.
    package static var flags: [RuntimeSpec.Linux.SeccompFlag] {
        RuntimeSpec.Linux.SeccompFlag.allCases.filter { flag in
            // One is refused without a listener.
            let with = flag == .waitKillable ? SeccompFilter.newListener : 0
            return cais_seccomp_probe(SeccompFilter.bit(of: flag) | with) == -1 && Errno.current.rawValue == EFAULT
        }
    }
}
