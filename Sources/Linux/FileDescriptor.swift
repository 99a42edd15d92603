import CLinux

/// An open file that is closed once, when its owner lets go of it. Every descriptor made by
/// this module is close-on-exec from birth.
public struct FileDescriptor: ~Copyable, Sendable {
    /// The kernel's number.
    public let rawValue: CInt

    /// Takes over a descriptor that nobody else will close.
    public init(owning rawValue: CInt) { self.rawValue = rawValue }

    deinit { _ = close(rawValue) }

    /// Gives the number away: whoever gets it closes it.
    public consuming func release() -> CInt {
        let number = rawValue
        discard self
        return number
    }

    /// A second descriptor of the same open file, close-on-exec (fcntl(2), F_DUPFD_CLOEXEC).
    public borrowing func duplicate() throws(Errno) -> FileDescriptor {
        let number = rawValue
        return FileDescriptor(owning: try call { cais_fcntl(number, F_DUPFD_CLOEXEC, 3) })
    }

    /// Reads at most `buffer.count` bytes; 0 at the end of the file (read(2)).
    /// - Throws: `Errno`, `.again` on an empty non-blocking descriptor.
    public borrowing func read(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        let number = rawValue
        return try call { CLinux.read(number, buffer.baseAddress, buffer.count) }
    }

    /// Writes some of `buffer` and returns how many bytes went (write(2)).
    public borrowing func write(_ buffer: UnsafeRawBufferPointer) throws(Errno) -> Int {
        let number = rawValue
        return try call { CLinux.write(number, buffer.baseAddress, buffer.count) }
    }

    /// Writes all of `bytes`, on a blocking descriptor.
    public borrowing func writeAll(_ bytes: some Collection<UInt8>) throws(Errno) {
        let number = rawValue
        let array = ContiguousArray(bytes)
        var sent = 0
        while sent < array.count {
            let from = sent
            sent += try call { array.withUnsafeBytes { CLinux.write(number, $0.baseAddress! + from, $0.count - from) } }
        }
    }

    /// Reads to the end of the file.
    /// - Parameter limit: the most bytes taken; more than that is `Errno.tooBig`.
    public borrowing func readAll(limit: Int) throws(Errno) -> [UInt8] {
        // Only what read(2) fills is ever touched: most files here are small, and clearing room for
        // large ones was a fifth of the runtime's page faults.
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { room.deallocate() }
        var bytes: [UInt8] = []
        while true {
            let step = min(room.count, limit - bytes.count + 1)
            let got = try read(into: UnsafeMutableRawBufferPointer(rebasing: room[..<step]))
            if got == 0 { return bytes }
            bytes.append(contentsOf: room[..<got])
            if bytes.count > limit { throw .tooBig }
        }
    }

    /// What the open file is (fstat(2)).
    public borrowing func status() throws(Errno) -> stat {
        var result = stat()
        let number = rawValue
        try call { fstat(number, &result) }
        return result
    }

    /// Makes reads and writes return `Errno.again` where they would wait.
    public borrowing func setNonBlocking(_ on: Bool) throws(Errno) {
        let number = rawValue
        let flags = try call { cais_fcntl(number, F_GETFL, 0) }
        try call { cais_fcntl(number, F_SETFL, Int(on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK)) }
    }

    /// Sets or clears close-on-exec; cleared only for a descriptor meant for the next program.
    public borrowing func setCloseOnExec(_ on: Bool) throws(Errno) {
        let number = rawValue
        try call { cais_fcntl(number, F_SETFD, on ? Int(FD_CLOEXEC) : 0) }
    }

    /// Waits until the kernel has the file's bytes on disk (fsync(2)).
    public borrowing func synchronize() throws(Errno) {
        let number = rawValue
        try call { fsync(number) }
    }

    /// A pipe, both ends close-on-exec (pipe2(2)).
    public static func pipe() throws(Errno) -> Pipe {
        var ends: (CInt, CInt) = (0, 0)
        try call { withUnsafeMutablePointer(to: &ends) { $0.withMemoryRebound(to: CInt.self, capacity: 2) { pipe2($0, O_CLOEXEC) } } }
        return Pipe(read: FileDescriptor(owning: ends.0), write: FileDescriptor(owning: ends.1))
    }
}

/// The two ends of a pipe(2).
public struct Pipe: ~Copyable, Sendable {
    /// Where bytes come out.
    public var read: FileDescriptor
    /// Where bytes go in.
    public var write: FileDescriptor

    /// Pairs two ends.
    public init(read: consuming FileDescriptor, write: consuming FileDescriptor) {
        self.read = read
        self.write = write
    }

    /// Takes the pipe apart.
    public consuming func split() -> (CInt, CInt) { (read.release(), write.release()) }
}
