// Console owns the container's terminal: made in the container's own devpts, its master end sent
// to whoever supervises, its other end the standard streams and /dev/console.
import CLinux
import Faults
import Linux
import OCISpec

enum Console {
    /// Makes the terminal, sends the master end to `socket`, and returns the other end.
    /// - Parameters:
    ///   - root: the container's root, before or after pivot_root.
    ///   - isForeground: the runtime itself holds the master end and copies it to a terminal that makes carriage
    ///     returns already. Who receives it through a socket decides about that, as beneath runc: docker's clients
    ///     put their terminal into raw mode and want them from here.
    static func make(
        root: borrowing FileDescriptor, process: RuntimeSpec.Process, socket: CInt, isForeground: Bool
    ) throws(Fault) -> FileDescriptor {
        let (master, terminal) = try attempt("open /dev/pts/ptmx") { () throws(Errno) in
            try PseudoTerminal.make(from: try multiplexer(root)).split()
        }
        let masterEnd = FileDescriptor(owning: master)
        let end = FileDescriptor(owning: terminal)
        try attempt("set up terminal") { () throws(Errno) in
            if isForeground { try PseudoTerminal.clearCarriageReturns(end) }
            if let size = process.consoleSize {
                try PseudoTerminal.resize(master, height: UInt16(clamping: size.height), width: UInt16(clamping: size.width))
            }
            try call { fchown(terminal, process.user?.uid ?? 0, gid_t.max) }
            try call { fchmod(terminal, 0o620) }
        }
        let socket = FileDescriptor(owning: socket)
        try attempt("send terminal to the console socket") { () throws(Errno) in
            try UnixSocket.send(Array("/dev/pts/ptmx".utf8), descriptors: [master], on: socket)
        }
        _ = consume masterEnd
        return end
    }

    /// The multiplexer of a devpts, and nothing else that may stand in its place (CVE-2025-52565).
    private static func multiplexer(_ root: borrowing FileDescriptor) throws(Errno) -> FileDescriptor {
        let file = try Files.openBeneath(root, "dev/pts/ptmx", reach: .beneathNoLinks, flags: O_RDWR | O_NOCTTY)
        let status = try file.status()
        guard try Mount.fileSystemType(of: file) == PseudoTerminal.fileSystemType,
            status.kind == .characterDevice, UInt64(status.st_rdev) == cais_makedev(5, 2)
        else { throw .noDevice }
        return file
    }

    /// Puts the terminal at /dev/console.
    static func bind(_ terminal: CInt, in tree: borrowing RootTree) throws(Fault) {
        try attempt("bind terminal on /dev/console") { () throws(Errno) in
            let dev = try tree.open("dev", reach: .beneathNoLinks, directory: true)
            do throws(Errno) { _ = try Files.open("console", at: dev.rawValue, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600) } catch {
                if error != .exists { throw error }
            }
            let target = try Files.open("console", at: dev.rawValue, flags: O_PATH | O_NOFOLLOW)
            guard try target.status().kind != .link else { throw .loop }
            let copy = try Mount.copy("", at: terminal, recursive: false)
            try Mount.attach(copy, to: target)
        }
    }

    /// Makes the terminal the standard streams and, in a session of this process's own, the controlling terminal.
    static func take(_ terminal: CInt) throws(Fault) {
        try attempt("take terminal") { () throws(Errno) in
            try PseudoTerminal.makeControlling(terminal)
            for stream in 0...2 { try call { dup2(terminal, CInt(stream)) } }
        }
    }
}
