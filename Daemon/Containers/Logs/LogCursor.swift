// LogCursor owns a reader's place in a container's log: across rotated files, from the end or the
// beginning, and onward while the file grows.
import CLinux
import EngineAPI
import Faults
import Linux

/// A place in a log. One caller at a time.
/// Safe to send because it is used by one stream, which asks for one chunk after another.
final class LogCursor: @unchecked Sendable {
    /// Bytes read at once.
    static let blockBytes = 64 << 10
    /// The longest line that is taken; a longer one is passed over.
    static let lineBytesMax = 4 << 20
    /// The most rotated files that are looked for.
    static let filesMax = 1_000

    private let path: String
    private let options: LogOptions
    private let framed: Bool
    /// The files yet to be read, oldest first; the last is the one being written. Owned.
    private var files: [(descriptor: CInt, identity: Identity)] = []
    private var rest: [UInt8] = []
    private var passingOver = false
    private(set) var isPastUntil = false

    private struct Identity: Hashable {
        let device: UInt64, inode: UInt64
    }

    /// Opens the log at `path` with its rotated files; none is an empty log.
    init(path: String, options: LogOptions, framed: Bool) throws(Fault) {
        self.path = path
        self.options = options
        self.framed = framed
        try system("open the log \(path)") { () throws(Errno) in
            // From the newest: a rotation meanwhile makes the next one the same file again, which shows.
            var seen: Set<Identity> = []
            for index in 0..<LogCursor.filesMax {
                guard let file = try open(index) else { break }
                guard seen.insert(file.identity).inserted else {
                    close(file.descriptor)
                    continue
                }
                files.insert(file, at: 0)
                if let tail = options.tail, index == 0, tail == 0 { break }
            }
            if let tail = options.tail { try seek(tail: tail) }
        }
    }

    deinit { for file in files { close(file.descriptor) } }

    private func open(_ index: Int) throws(Errno) -> (descriptor: CInt, identity: Identity)? {
        do {
            let file = try Files.open(index == 0 ? path : "\(path).\(index)", flags: O_RDONLY | O_NOFOLLOW)
            let status = try file.status()
            return (file.release(), Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
        } catch {
            if error == .noEntry { return nil }
            throw error
        }
    }

    // MARK: - From the end

    /// Leaves only the last `tail` lines to read.
    private func seek(tail: Int) throws(Errno) {
        var missing = tail
        for position in files.indices.reversed() {
            let descriptor = files[position].descriptor
            let found = try offset(ofLast: missing, in: descriptor)
            guard missing == 0 || found.lines >= missing else {
                missing -= found.lines
                continue
            }
            try call { lseek(descriptor, found.offset, SEEK_SET) }
            for older in files[..<position] { close(older.descriptor) }
            files.removeFirst(position)
            return
        }
    }

    /// Where the last `count` lines begin, and how many there are.
    private func offset(ofLast count: Int, in descriptor: CInt) throws(Errno) -> (offset: off_t, lines: Int) {
        let size = try call { lseek(descriptor, 0, SEEK_END) }
        defer { lseek(descriptor, 0, SEEK_SET) }
        if count == 0 { return (size, 0) }
        var end = size
        var lines = 0
        var block = [UInt8](repeating: 0, count: LogCursor.blockBytes)
        while end > 0 {
            let begin = max(0, end - off_t(block.count))
            let length = Int(end - begin)
            let got = try call { block.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, length, begin) } }
            var index = got - 1
            while index >= 0 {
                // A newline ends a line: the one at the very end begins none.
                if block[index] == 0x0A, begin + off_t(index) + 1 < size {
                    lines += 1
                    if lines == count { return (begin + off_t(index) + 1, lines) }
                }
                index -= 1
            }
            end = begin
        }
        return (0, size > 0 ? lines + 1 : 0)
    }

    // MARK: - Onward

    /// The next lines, formatted for the client; empty when there are none now. Blocks on the disk.
    func next() throws(Fault) -> [UInt8] {
        try system("read the log \(path)") { () throws(Errno) in
            var out: [UInt8] = []
            while out.isEmpty, !isPastUntil {
                if try readBlock(into: &out) { continue }
                guard try advance() else { break }
            }
            return out
        }
    }

    /// Reads one block of the first file; false at its end.
    private func readBlock(into out: inout [UInt8]) throws(Errno) -> Bool {
        guard let file = files.first else { return false }
        let have = rest.count
        let descriptor = file.descriptor
        rest.append(contentsOf: repeatElement(0, count: LogCursor.blockBytes))
        let got = try call { rest.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + have, LogCursor.blockBytes) } }
        rest.removeLast(LogCursor.blockBytes - got)
        guard got > 0 else { return false }
        takeLines(into: &out)
        return true
    }

    private func takeLines(into out: inout [UInt8]) {
        var consumed = 0
        rest.withUnsafeBytes { bytes in
            while consumed < bytes.count, let end = newline(in: bytes, from: consumed) {
                if passingOver { passingOver = false } else {
                    format(UnsafeRawBufferPointer(rebasing: bytes[consumed..<end]), into: &out)
                }
                consumed = end + 1
                if isPastUntil { return }
            }
        }
        rest.removeFirst(consumed)
        if rest.count > LogCursor.lineBytesMax {
            rest.removeAll()
            passingOver = true
        }
    }

    private func newline(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress, let found = memchr(base + start, 0x0A, bytes.count - start) else { return nil }
        return UnsafeRawPointer(found) - base
    }

    private func format(_ bytes: UnsafeRawBufferPointer, into out: inout [UInt8]) {
        guard let line = LogLine(bytes), line.stream == .stdout ? options.stdout : options.stderr else { return }
        var prefix: [UInt8] = []
        if options.since != nil || options.until != nil || options.timestamps {
            let moment = line.moment
            if let since = options.since, let moment, moment < since { return }
            if let until = options.until, let moment, moment > until {
                isPastUntil = true
                return
            }
            if options.timestamps { prefix = Array(((moment?.padded ?? Timestamp.neverText) + " ").utf8) }
        }
        if framed { out.append(contentsOf: StreamFraming.header(line.stream, count: prefix.count + line.payload.count)) }
        out.append(contentsOf: prefix)
        out.append(contentsOf: line.payload)
    }

    /// Goes on to the next file, where there is one: an older one was read to its end, or the file
    /// was rotated away beneath the reader.
    private func advance() throws(Errno) -> Bool {
        if files.count > 1 {
            close(files.removeFirst().descriptor)
            rest.removeAll(keepingCapacity: true)
            return true
        }
        let last = files.first?.identity
        var newer: [(descriptor: CInt, identity: Identity)] = []
        for index in 0..<LogCursor.filesMax {
            guard let file = try open(index) else { break }
            if file.identity == last {
                close(file.descriptor)
                break
            }
            newer.insert(file, at: 0)
            if last == nil { break }
        }
        guard !newer.isEmpty else { return false }
        // The old file may have grown between its last read and its rotation: it stays in front and
        // is read to its end once more before it is let go.
        files += newer
        return true
    }
}
