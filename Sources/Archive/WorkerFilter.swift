// WorkerFilter owns the system calls that a worker may make once it is confined: those that unpack
// files. A decoder that was taken over finds no socket, no process, no mount and no module to reach.
import CLinux
import Faults
import Linux

enum WorkerFilter {
    /// All that reading an archive, making files and Swift's allocator need.
    private static let allowed: [CInt] = [
        // The archive and the files.
        SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_lseek, SYS_close, SYS_fcntl, SYS_fstat, SYS_newfstatat, SYS_statx,
        SYS_openat, SYS_openat2, SYS_getdents64, SYS_ftruncate, SYS_fallocate,
        // Making and dressing them.
        SYS_mkdirat, SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_unlinkat, SYS_renameat, SYS_umask,
        SYS_fchown, SYS_fchownat, SYS_fchmod, SYS_fsetxattr, SYS_utimensat,
        // Memory, time, identity, and the end.
        SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_futex, SYS_getrandom, SYS_clock_gettime,
        SYS_geteuid, SYS_getegid, SYS_getuid, SYS_getgid, SYS_getpid, SYS_gettid, SYS_sched_getaffinity, SYS_sched_yield,
        SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall, SYS_tgkill,
        SYS_exit, SYS_exit_group,
    ]

    // Offsets in struct seccomp_data (linux/seccomp.h).
    private static let numberOffset: UInt32 = 0
    private static let architectureOffset: UInt32 = 4

    /// Installs the filter for the rest of the process's life. Needs no_new_privs.
    static func install() throws(Fault) {
        var program = instructions()
        try kernel("filter system calls") { () throws(Errno) in
            try call {
                program.withUnsafeMutableBufferPointer { buffer in
                    var header = sock_fprog(len: UInt16(buffer.count), filter: buffer.baseAddress)
                    return withUnsafePointer(to: &header) { cais_prctl(PR_SET_SECCOMP, UInt(SECCOMP_MODE_FILTER), UInt(bitPattern: $0), 0, 0) }
                }
            }
        }
    }

    /// Wrong architecture: the process dies. Call not in the list: EPERM, as if the right were missing.
    private static func instructions() -> [sock_filter] {
        #if arch(x86_64)
            let architecture: UInt32 = 0xc000_003e
        #elseif arch(arm64)
            let architecture: UInt32 = 0xc000_00b7
        #else
            #error("an architecture without a number here")
        #endif
        let load = UInt16(BPF_LD | BPF_W | BPF_ABS)
        let jumpIfEqual = UInt16(BPF_JMP | BPF_JEQ | BPF_K)
        let answer = UInt16(BPF_RET | BPF_K)
        var program = [
            sock_filter(code: load, jt: 0, jf: 0, k: architectureOffset), sock_filter(code: jumpIfEqual, jt: 1, jf: 0, k: architecture),
            sock_filter(code: answer, jt: 0, jf: 0, k: 0x8000_0000), sock_filter(code: load, jt: 0, jf: 0, k: numberOffset),
        ]
        for number in allowed {
            program.append(sock_filter(code: jumpIfEqual, jt: 0, jf: 1, k: UInt32(bitPattern: number)))
            program.append(sock_filter(code: answer, jt: 0, jf: 0, k: 0x7fff_0000))
        }
        program.append(sock_filter(code: answer, jt: 0, jf: 0, k: 0x0005_0000 | UInt32(EPERM)))
        return program
    }
}
