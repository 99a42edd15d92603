// SystemCallFilter owns a compiled filter between its making in the runtime and its loading in init.
import CLinux
import Faults
import Linux

struct SystemCallFilter: Sendable {
    /// Instructions for the kernel (struct sock_filter).
    let program: [UInt8]
    /// Flags of seccomp(2).
    let flags: UInt32

    func load() throws(Fault) { throw Fault(.unsupported, "not wired yet") }
}
