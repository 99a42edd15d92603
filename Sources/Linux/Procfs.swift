import CLinux

/// What a process of /proc is, without trusting names that a container can put in its way.
public enum Procfs {
    /// The type of the proc file system (statfs(2)).
    public static let fileSystemType = 0x9fa0

    /// One line of /proc/PID/stat, as far as anybody here needs it.
    public struct ProcessStatus: Sendable, Hashable {
        /// The state's letter: R, S, D, Z, X …
        public let state: UInt8
        /// When it was started, in clock ticks after boot; with the pid it names a process for ever.
        public let startTicks: UInt64
        /// It was forked and has executed no program since (PF_FORKNOEXEC), which only the kernel can change.
        public let hasNotExecuted: Bool

        /// Whether it has ended, reaped or not.
        public var hasEnded: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
    }

    /// Reads /proc/PID/stat.
    /// - Throws: `Errno.noEntry` or `.noProcess` where there is none.
    public static func status(of pid: pid_t) throws(Errno) -> ProcessStatus {
        try status(from: try Files.open("/proc/\(pid)/stat").readAll(limit: 4_096))
    }

    private static let forkedWithoutExec: UInt64 = 0x40

    /// Reads a line of /proc/PID/stat. The program's name, which may hold anything, ends at the last `)`.
    public static func status(from line: [UInt8]) throws(Errno) -> ProcessStatus {
        guard let end = line.lastIndex(of: UInt8(ascii: ")")) else { throw .invalid }
        let fields = line[(end + 1)...].split(separator: UInt8(ascii: " "))
        // State, flags and start time are fields 3, 9 and 22 of proc(5); after the name they are 0, 6 and 19.
        guard fields.count > 19, let state = fields[0].first, let flags = UInt64(String(decoding: fields[6], as: UTF8.self)),
            let ticks = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { throw .invalid }
        return ProcessStatus(state: state, startTicks: ticks, hasNotExecuted: flags & forkedWithoutExec != 0)
    }

    /// Where this program's parts lie in its memory (proc(5), stat): startcode, endcode, start_data, end_data,
    /// start_brk, startstack, arg_start, arg_end, env_start and env_end.
    public static func ownLayout() throws(Errno) -> [UInt64] {
        let line = try Files.open("/proc/self/stat").readAll(limit: 4_096)
        guard let end = line.lastIndex(of: UInt8(ascii: ")")) else { throw .invalid }
        let fields = line[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 48 else { throw .invalid }
        // Fields 26, 27, 45 to 47, 28 and 48 to 51, counted as above.
        return [23, 24, 42, 43, 44, 25, 45, 46, 47, 48].map { Procfs.number(fields[$0]) }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64 {
        digits.reduce(0) { $0 &* 10 &+ UInt64($1 &- UInt8(ascii: "0")) }
    }

    /// The words a process was started with, or its name in brackets where it has none or is gone.
    public static func commandLine(of pid: pid_t) -> String {
        // A process that has ended since is shown as one without words.
        let words = (try? Files.open("/proc/\(pid)/cmdline").readAll(limit: 1 << 20)) ?? []
        let text = words.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
        return text.isEmpty ? "[\(pid)]" : text
    }

    /// Writes `text` to the file `path` of the proc file system whose root is `root`: no link, no
    /// other mount and nothing outside can stand in its place.
    public static func write(_ text: String, to path: String, in root: borrowing FileDescriptor) throws(Errno) {
        let resolve = UInt64(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)
        let number = root.rawValue
        guard try Mount.fileSystemType(of: root) == fileSystemType else { throw .crossDevice }
        let file = FileDescriptor(owning: try call { cais_openat2(number, path, UInt64(O_WRONLY | O_CLOEXEC), 0, resolve) })
        // One write(2): the kernel takes a value of /proc/sys as a whole.
        let bytes = Array(text.utf8)
        try call { bytes.withUnsafeBytes { CLinux.write(file.rawValue, $0.baseAddress, $0.count) } }
    }
}
