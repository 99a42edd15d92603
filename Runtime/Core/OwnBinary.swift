// OwnBinary keeps a container from writing to the runtime's executable. Inside, it can be reached
// as /proc/PID/exe once the program of an image is `/proc/self/exe` or names it as interpreter
// (CVE-2019-5736); so whatever enters a container runs from a file that nobody can open for writing.
import CLinux
import Faults
import Linux

package enum OwnBinary {
    /// Goes on from a protected copy of this program; returns when it is one. That is a read-only
    /// bind mount that is nowhere attached, and is adopted in place, or executed where the kernel
    /// refuses that; a user has it made in a user namespace; where mounts are not permitted at all,
    /// a sealed copy in memory takes its place.
    package static func protect() throws(Fault) {
        do throws(Errno) {
            let path = "/proc/self/exe"
            let current = try Files.open(path, flags: O_PATH)
            let isProtected = try isRoots(current) ? true : Mount.isReadOnly(current)
            if isProtected || isSealed(path) {
                Identity.setName("cais-runtime")
                return
            }
            do throws(Errno) {
                if geteuid() != 0 { throw execute(try mountMadeInside(of: path, current)) }
                let copy = try readOnlyMount(of: path)
                if adopt(copy) { return }
                throw execute(copy)
            } catch { throw execute(try sealedCopy(of: path)) }
        } catch { throw Fault(error, "protect own executable") }
    }

    /// Whether the file is root's and the caller is not: then the ids that a caller can give a
    /// container have no right to write to it, were they root inside or not.
    private static func isRoots(_ file: borrowing FileDescriptor) throws(Errno) -> Bool {
        if geteuid() == 0 { return false }
        let status = try file.status()
        return status.st_uid == 0 && status.st_mode & 0o022 == 0
    }

    /// Takes `copy` for this process's executable without starting again: its memory is mapped from there
    /// and so is /proc/self/exe (prctl(2), PR_SET_MM_MAP). Needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE.
    /// - Returns: whether the kernel took it; after false nothing that matters has changed.
    private static func adopt(_ copy: borrowing FileDescriptor) -> Bool {
        do throws(Errno) {
            let file = try Files.open("/proc/self/fd/\(copy.rawValue)")
            let layout = try Procfs.ownLayout()
            let pagemap = try Files.open("/proc/self/pagemap")
            try call { cais_map_program_from(file.rawValue, pagemap.rawValue) }
            try call { cais_set_executable(file.rawValue, layout) }
            return try Mount.isReadOnly(try Files.open("/proc/self/exe", flags: O_PATH))
        } catch { return false }
    }

    private static func isSealed(_ path: String) -> Bool {
        guard let file = try? Files.open(path) else { return false }  // what cannot be read is not ours to trust
        let seals = cais_fcntl(file.rawValue, CInt(CAIS_F_GET_SEALS), 0)
        // -1 says that the file can have none, and has every bit.
        return seals >= 0 && seals & CInt(CAIS_SEALS) == CInt(CAIS_SEALS)
    }

    private static func readOnlyMount(of path: String) throws(Errno) -> FileDescriptor {
        let copy = try Mount.copy(path, recursive: false)
        try Mount.change(copy.rawValue, set: [.readOnly, .noSetUID])
        return copy
    }

    /// The same without privileges: by a child that is root of a user namespace for that long, and
    /// hands the mount over. It sees mounts of its own only, so it goes by the file's name.
    private static func mountMadeInside(of path: String, _ current: borrowing FileDescriptor) throws(Errno) -> FileDescriptor {
        var name = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        try call { readlink(path, &name, Int(PATH_MAX)) }
        let (ours, theirs) = try UnixSocket.pair().split()
        let socket = FileDescriptor(owning: ours)
        guard case .parent(let child, let pidfd) = try Clone.fork(namespaces: [.user, .mount]) else {
            let end = FileDescriptor(owning: theirs)
            let file = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // That no descriptor comes says it all: the copy in memory is next.
            if let mount = try? readOnlyMount(of: file) { try? UnixSocket.send([1], descriptors: [mount.rawValue], on: end) }
            _exit(0)
        }
        close(theirs)
        close(pidfd)
        defer { _ = Hooks.reap(child) }
        guard let number = try UnixSocket.receive(limit: 1, on: socket).descriptors.first else { throw .notPermitted }
        let mount = FileDescriptor(owning: number)
        let (wanted, got) = (try current.status(), try mount.status())
        guard wanted.st_dev == got.st_dev, wanted.st_ino == got.st_ino, try Mount.isReadOnly(mount) else { throw .notPermitted }
        return mount
    }

    private static func sealedCopy(of path: String) throws(Errno) -> FileDescriptor {
        let source = try Files.open(path)
        let copy = FileDescriptor(owning: try call { memfd_create("cais-runtime", UInt32(MFD_CLOEXEC | MFD_ALLOW_SEALING)) })
        while try call({ sendfile(copy.rawValue, source.rawValue, nil, 1 << 24) }) > 0 {}
        try call { fchmod(copy.rawValue, 0o500) }
        try call { cais_fcntl(copy.rawValue, CInt(CAIS_F_ADD_SEALS), Int(CAIS_SEALS)) }
        return copy
    }

    /// Becomes the program behind `file`, with this one's arguments and environment.
    private static func execute(_ file: borrowing FileDescriptor) -> Errno {
        let number = file.rawValue
        _ = cais_execveat(number, CommandLine.unsafeArgv)
        return Errno.current
    }
}
