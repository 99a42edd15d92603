// The only C of Cais: headers that Swift's Glibc module hides, and one-line functions for
// variadic calls, macros and system calls that glibc has no wrapper for. Nothing here decides
// anything, but CLinux.c: what must run while no Swift does. A function named cais_X does exactly
// what the kernel's X does and leaves errno set.
#ifndef CAIS_CLINUX_H
#define CAIS_CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/bpf.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <limits.h>
#include <link.h>
#include <malloc.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <locale.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// The address of errno: Swift's importer does not see the macro.
static inline int cais_errno(void) { return errno; }
static inline void cais_set_errno(int value) { errno = value; }

// wait(2) status macros.
static inline int cais_wifexited(int status) { return WIFEXITED(status); }
static inline int cais_wexitstatus(int status) { return WEXITSTATUS(status); }
static inline int cais_wifsignaled(int status) { return WIFSIGNALED(status); }
static inline int cais_wtermsig(int status) { return WTERMSIG(status); }

// open(2), fcntl(2), ioctl(2), prctl(2): variadic.
static inline int cais_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }
static inline int cais_openat(int dir, const char *path, int flags, mode_t mode) { return openat(dir, path, flags, mode); }
static inline int cais_fcntl(int fd, int command, long argument) { return fcntl(fd, command, argument); }
static inline int cais_ioctl_int(int fd, unsigned long request, long argument) { return ioctl(fd, request, argument); }
static inline int cais_ioctl_ptr(int fd, unsigned long request, void *argument) { return ioctl(fd, request, argument); }
static inline int cais_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) { return prctl(option, a, b, c, d); }

// openat2(2), pidfd_open(2), pidfd_send_signal(2), close_range(2), pivot_root(2), gettid(2).
static inline int cais_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}
static inline int cais_pidfd_open(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
static inline int cais_pidfd_send_signal(int pidfd, int signal, unsigned flags) { return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, flags); }
static inline int cais_close_range(unsigned first, unsigned last, unsigned flags) { return (int)syscall(SYS_close_range, first, last, flags); }
static inline int cais_pivot_root(const char *new_root, const char *put_old) { return (int)syscall(SYS_pivot_root, new_root, put_old); }

// clone3(2) without a new stack: returns twice, as fork(2), and runs no fork handlers.
static inline pid_t cais_clone3(uint64_t flags, int *pidfd, int exit_signal, int cgroup) {
    uint64_t arguments[11] = {flags, (uint64_t)(uintptr_t)pidfd, 0, 0, (uint64_t)exit_signal, 0, 0, 0, 0, 0, (uint64_t)cgroup};
    return (pid_t)syscall(SYS_clone3, arguments, sizeof arguments);
}
// clone(2) for where a filter forbids clone3(2): the pidfd comes where a thread's id would.
static inline pid_t cais_clone(int *pidfd) { return (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_PIDFD | SIGCHLD), 0UL, pidfd, 0UL, 0UL); }
#define CAIS_CLONE_NEWTIME 0x80ULL
#define CAIS_CLONE_INTO_CGROUP 0x200000000ULL
static const uint64_t cais_clone_pidfd = CLONE_PIDFD;
static const uint64_t cais_clone_parent = CLONE_PARENT;
static const uint64_t cais_clone_files = CLONE_FILES;

// capget(2), capset(2), keyctl(2), ioprio_set(2), sched_setattr(2): no glibc wrapper.
static inline int cais_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
    return (int)syscall(SYS_capset, &header, data);
}
static inline int cais_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    int result = (int)syscall(SYS_capget, &header, data);
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return result;
}
static inline long cais_keyctl(int operation, unsigned long a, unsigned long b, unsigned long c) { return syscall(SYS_keyctl, operation, a, b, c); }
static inline int cais_ioprio_set(int which, int who, int priority) { return (int)syscall(SYS_ioprio_set, which, who, priority); }
static inline int cais_sched_setattr(pid_t pid, uint32_t policy, uint64_t flags, int32_t nice_, uint32_t priority, uint64_t runtime, uint64_t deadline, uint64_t period) {
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; } attributes =
        {48, policy, flags, nice_, priority, runtime, deadline, period};
    return (int)syscall(SYS_sched_setattr, pid, &attributes, 0);
}

// set_mempolicy(2): its wrapper is in a library of its own.
static inline int cais_set_mempolicy(int mode, const void *nodes, unsigned long bits) { return (int)syscall(SYS_set_mempolicy, mode, nodes, bits); }

// netdevice(7), SIOCSIFFLAGS: the request's argument is a union. `socket` is of the device's network namespace.
static inline int cais_set_interface_flags(int socket, const char *name, short flags) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    request.ifr_flags = flags;
    return ioctl(socket, SIOCSIFFLAGS, &request);
}

// Words of memory that two processes share.
static inline int32_t cais_load(const int32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void cais_store(int32_t *word, int32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

// ioctl_tty(2) requests whose macros Swift cannot read.
static const unsigned long cais_tiocsptlck = TIOCSPTLCK;
static const unsigned long cais_tiocgptpeer = TIOCGPTPEER;

// signal(2): its dispositions are casts that Swift cannot read.
static inline void cais_signal_default(int number) { signal(number, SIG_DFL); }
// Ignores SIGPIPE; 1 if that was not so before.
static inline int cais_ignore_pipe_signal(void) { return signal(SIGPIPE, SIG_IGN) == SIG_DFL; }

// execveat(2) of an open file; fcntl(2) seals of a memfd.
static inline int cais_execveat(int fd, char *const *arguments) {
    return (int)syscall(SYS_execveat, fd, "", arguments, environ, AT_EMPTY_PATH);
}
#define CAIS_F_ADD_SEALS 1033
#define CAIS_F_GET_SEALS 1034
#define CAIS_SEALS 0xf // seal, shrink, grow, write

// setgroups(2), setresgid(2), setresuid(2) by system call: of this thread alone, which is the only one.
static inline int cais_setgroups(size_t count, const gid_t *groups) { return (int)syscall(SYS_setgroups, count, groups); }
static inline int cais_setresgid(gid_t gid) { return (int)syscall(SYS_setresgid, gid, gid, gid); }
static inline int cais_setresuid(uid_t uid) { return (int)syscall(SYS_setresuid, uid, uid, uid); }

// environ(7): Swift would see two of them, this header's and its own.
static inline char *const *cais_environ(void) { return environ; }

// sendmsg(2) of two parts at once, never waiting and never raising SIGPIPE; recv(2) never waiting.
static inline ssize_t cais_send_parts(int socket, const void *first, size_t first_length, const void *second, size_t second_length) {
    struct iovec parts[2] = {{(void *)first, first_length}, {(void *)second, second_length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}
static inline ssize_t cais_receive(int socket, void *data, size_t length) { return recv(socket, data, length, MSG_DONTWAIT); }

// connect(2), bind(2), accept4(2): glibc's transparent unions do not reach Swift.
static inline int cais_connect(int fd, const struct sockaddr *address, socklen_t length) { return connect(fd, address, length); }
static inline int cais_bind(int fd, const struct sockaddr *address, socklen_t length) { return bind(fd, address, length); }
static inline int cais_accept(int fd, int flags) { return accept4(fd, NULL, NULL, flags); }

// statx(2): the mount that holds a file.
static inline int cais_mount_of(int directory, const char *path, uint64_t *id) {
    struct statx status;
    int result = statx(directory, path, AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &status);
    *id = result == 0 ? status.stx_mnt_id : 0;
    return result;
}

// Device numbers (makedev(3)).
static inline uint64_t cais_makedev(unsigned major_, unsigned minor_) { return makedev(major_, minor_); }
static inline unsigned cais_major(uint64_t device) { return major(device); }
static inline unsigned cais_minor(uint64_t device) { return minor(device); }

// unix(7): one byte of data with up to 16 descriptors beside it; returns what sendmsg/recvmsg return.
static inline ssize_t cais_send_fds(int socket, const void *data, size_t length, const int *fds, size_t count) {
    struct iovec iov = {.iov_base = (void *)data, .iov_len = length};
    char control[CMSG_SPACE(sizeof(int) * 16)] = {0};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (count > 16) { errno = EINVAL; return -1; }
    if (count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}
static inline ssize_t cais_receive_fds(int socket, void *data, size_t length, int *fds, size_t *count) {
    struct iovec iov = {.iov_base = data, .iov_len = length};
    char control[CMSG_SPACE(sizeof(int) * 16)] = {0};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    *count = 0;
    if (received < 0) return received;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (here > 16) here = 16;
        memcpy(fds, CMSG_DATA(header), here * sizeof(int));
        *count = here;
    }
    return received;
}

// bpf(2), for device rules of cgroup v2: attributes are a union that Swift cannot fill. The
// instructions' jump conditions compare 64 bits of zero-extended registers.
static inline int cais_bpf_load_device_program(const uint64_t *instructions, uint32_t count) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.expected_attach_type = BPF_CGROUP_DEVICE;
    attributes.insns = (uint64_t)(uintptr_t)instructions;
    attributes.insn_cnt = count;
    attributes.license = (uint64_t)(uintptr_t)"Apache-2.0";
    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}
static inline int cais_bpf_attach(int cgroup, int program, uint32_t flags) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = flags;
    return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes);
}
static inline int cais_bpf_detach(int cgroup, int program) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    return (int)syscall(SYS_bpf, BPF_PROG_DETACH, &attributes, sizeof attributes);
}
// The identifiers of the programs at a cgroup; *count is their room before and their number after.
static inline int cais_bpf_query(int cgroup, uint32_t *identifiers, uint32_t *count) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.query.target_fd = (uint32_t)cgroup;
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    attributes.query.prog_ids = (uint64_t)(uintptr_t)identifiers;
    attributes.query.prog_cnt = *count;
    int result = (int)syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes);
    *count = attributes.query.prog_cnt;
    return result;
}
static inline int cais_bpf_open_program(uint32_t identifier) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_id = identifier;
    return (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attributes, sizeof attributes);
}

// seccomp(2), SECCOMP_SET_MODE_FILTER: `instructions` are struct sock_filter.
static inline int cais_seccomp_install(uint32_t flags, const void *instructions, uint16_t count) {
    struct sock_fprog program = {.len = count, .filter = (struct sock_filter *)instructions};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

// Asks whether seccomp(2) takes flags: EFAULT says yes, EINVAL no; nothing is installed.
static inline int cais_seccomp_probe(uint32_t flags) { return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL); }

// Maps the running program's segments from `file`, the same file by another mount, in the place of the old
// mappings; pages it has written to are copied. `pagemap` is /proc/self/pagemap. For a program linked to a
// fixed address (ENOTSUP for another) with one thread.
int cais_map_program_from(int file, int pagemap);

// prctl(2), PR_SET_MM_MAP: what /proc/self/exe is from now on. `layout` are the addresses that proc(5) calls
// startcode, endcode, start_data, end_data, start_brk, startstack, arg_start, arg_end, env_start, env_end.
static inline int cais_set_executable(int file, const uint64_t *layout) {
    struct prctl_mm_map map = {
        .start_code = layout[0], .end_code = layout[1], .start_data = layout[2], .end_data = layout[3],
        .start_brk = layout[4], .brk = (uint64_t)(uintptr_t)sbrk(0), .start_stack = layout[5],
        .arg_start = layout[6], .arg_end = layout[7], .env_start = layout[8], .env_end = layout[9],
        .exe_fd = (uint32_t)file,
    };
    return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
}

#endif
