import CLinux

/// The loopback device of a network namespace, which is born switched off.
package enum Loopback {
    /// Switches `lo` of the calling thread's network namespace on (netdevice(7)); the kernel then gives it
    /// 127.0.0.1 and ::1. Needs CAP_NET_ADMIN in the user namespace that owns the network namespace.
    package static func switchOn() throws(Errno) {
        let device = FileDescriptor(owning: try call { socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0) })
        // IFF_UP: an enumerator behind a macro of its own name, which Swift does not see.
        try call { cais_set_interface_flags(device.rawValue, "lo", 1) }
    }
}
