import CLinux
import Faults
import Lifecycle
import Linux

// JSONFileLog owns a container's log file in Docker's json-file format, and its rotation:
//   {"log":"text\n","stream":"stdout","time":"2026-03-01T12:00:00.25Z"}
// One line of output is one record; a line longer than 16 KiB becomes several records of which
// only the last one's text ends in \n. Bytes that are no UTF-8 become U+FFFD, since JSON can hold
// nothing else. The path of a byte allocates nothing: one buffer is formatted into and written.

/// The `json-file` log driver.
package final class JSONFileLog: LogDriver {
    /// The most text of one record.
    package static let recordTextBytesMax = 16_384
    /// The most that one write(2) writes.
    static let bufferBytes = 131_072
    /// How long a log that could not be opened or written rests before the next attempt.
    static let retryMilliseconds: Int64 = 1_000

    private let path: String
    private let sizeMax: Int64
    private let filesMax: Int
    private let pages: PageBuffer
    private let buffer: UnsafeMutableRawBufferPointer
    private var used = 0
    private var file: FileDescriptor?
    /// The file's size with everything written to it.
    private var size: Int64 = 0
    /// The file's size up to the end of its last whole record.
    private var wholeSize: Int64 = 0
    /// The place in the buffer behind the last whole record.
    private var wholeUsed = 0
    /// The front of the present record could not be written; its rest is left out.
    private var isDiscarding = false
    private var retryAt: Int64 = 0
    private var timeText: [UInt8] = []
    private var timeTextSecond: Int64 = -1

    package private(set) var bytesLost: Int64 = 0

    /// Opens the log at its end.
    /// - Parameters:
    ///   - sizeMax: the size at which a file is put aside; 0 is never.
    ///   - filesMax: how many files are kept, the one being written included.
    /// - Throws: when the file cannot be opened, save for a full disk: that may pass.
    package init(path: String, sizeMax: Int64, filesMax: Int) throws(Fault) {
        self.path = path
        self.sizeMax = sizeMax
        self.filesMax = max(1, filesMax)
        timeText.reserveCapacity(40)
        do { pages = try PageBuffer(byteCount: JSONFileLog.bufferBytes) } catch {
            throw Fault(.failed, error.description, errno: error.rawValue)
        }
        buffer = pages.bytes
        do { try open(truncating: false) } catch {
            guard error == .noSpace else { throw Fault(.failed, error.description, errno: error.rawValue, trail: ["open log \(path)"]) }
        }
    }

    package func rest() { pages.discard() }

    package func take(_ bytes: UnsafeRawBufferPointer, of stream: OutputStream, isLast: Bool) -> Int {
        stampTime()
        var taken = 0
        while taken < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[taken...])
            let length = JSONFileLog.recordLength(rest, isLast: isLast)
            if length == 0 { break }
            append(UnsafeRawBufferPointer(rebasing: rest[..<length]), of: stream)
            taken += length
        }
        flush()
        return taken
    }

    /// How many bytes at the front of `bytes` make the next record; 0 when it is not known yet.
    static func recordLength(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> Int {
        guard let start = bytes.baseAddress else { return 0 }
        let window = min(bytes.count, recordTextBytesMax)
        if let newline = memchr(start, 0x0a, window) { return UnsafeRawPointer(newline) - start + 1 }
        if bytes.count < recordTextBytesMax { return isLast ? bytes.count : 0 }
        // A character is not cut in two: go back to where the last one begins, if that is near.
        var end = window
        if bytes.count > window {
            while end > window - 3 && bytes[end] & 0xc0 == 0x80 { end -= 1 }
            if bytes[end] & 0xc0 == 0x80 { end = window }
        }
        return end
    }

    // MARK: - Formatting

    private func append(_ text: UnsafeRawBufferPointer, of stream: OutputStream) {
        rotateIfFull()
        isDiscarding = false
        put("{\"log\":\"")
        putEscaped(text)
        switch stream {
        case .stdout: put("\",\"stream\":\"stdout\",\"time\":\"")
        case .stderr: put("\",\"stream\":\"stderr\",\"time\":\"")
        }
        timeText.withUnsafeBytes { put($0) }
        put("\"}\n")
        wholeUsed = used
    }

    private func put(_ text: StaticString) { put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)) }

    private func put(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        if isDiscarding {
            bytesLost += Int64(bytes.count)
            return
        }
        while rest.count > buffer.count - used {
            let step = buffer.count - used
            copy(UnsafeRawBufferPointer(rebasing: rest[..<step]))
            rest = UnsafeRawBufferPointer(rebasing: rest[step...])
            flush()
            if isDiscarding {
                bytesLost += Int64(rest.count)
                return
            }
        }
        copy(rest)
    }

    private func copy(_ bytes: UnsafeRawBufferPointer) {
        guard let from = bytes.baseAddress, let to = buffer.baseAddress else { return }
        memcpy(to + used, from, bytes.count)
        used += bytes.count
    }

    private func putEscaped(_ text: UnsafeRawBufferPointer) {
        var clean = 0
        var index = 0
        while index < text.count {
            if index + 8 <= text.count, JSONFileLog.isPlain(text.loadUnaligned(fromByteOffset: index, as: UInt64.self)) {
                index += 8
                continue
            }
            let byte = text[index]
            if byte >= 0x20 && byte < 0x80 && byte != 0x22 && byte != 0x5c {
                index += 1
                continue
            }
            let length = byte < 0x80 ? 0 : JSONFileLog.characterLength(text, at: index)
            if length > 0 {
                index += length
                continue
            }
            put(UnsafeRawBufferPointer(rebasing: text[clean..<index]))
            putEscape(of: byte)
            index += 1
            clean = index
        }
        put(UnsafeRawBufferPointer(rebasing: text[clean...]))
    }

    /// Whether none of eight bytes needs a look: no control character, quote, backslash, nor
    /// anything beyond ASCII. Eight at a time, for this is where the time of a busy log goes.
    static func isPlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5c)
        let found = (word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones) | word
        return found & highs == 0
    }

    private func putEscape(of byte: UInt8) {
        switch byte {
        case 0x0a: put("\\n")
        case 0x0d: put("\\r")
        case 0x09: put("\\t")
        case 0x22: put("\\\"")
        case 0x5c: put("\\\\")
        case 0x00..<0x20:
            put("\\u00")
            withUnsafeTemporaryAllocation(byteCount: 2, alignment: 1) { digits in
                digits[0] = JSONFileLog.hexDigit(byte >> 4)
                digits[1] = JSONFileLog.hexDigit(byte & 15)
                put(UnsafeRawBufferPointer(digits))
            }
        default: put("\\ufffd")
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    /// The length of the UTF-8 character that begins at `index`; 0 where none does. Overlong
    /// forms, surrogates and numbers above U+10FFFF are none.
    static func characterLength(_ text: UnsafeRawBufferPointer, at index: Int) -> Int {
        let first = text[index]
        let length: Int
        var secondRange: ClosedRange<UInt8> = 0x80...0xbf
        switch first {
        case 0xc2...0xdf: length = 2
        case 0xe0...0xef:
            length = 3
            if first == 0xe0 { secondRange = 0xa0...0xbf } else if first == 0xed { secondRange = 0x80...0x9f }
        case 0xf0...0xf4:
            length = 4
            if first == 0xf0 { secondRange = 0x90...0xbf } else if first == 0xf4 { secondRange = 0x80...0x8f }
        default: return 0
        }
        guard index + length <= text.count, secondRange.contains(text[index + 1]) else { return 0 }
        for place in (index + 2)..<(index + length + (length == 2 ? 1 : 0)) where length > 2 {
            guard text[place] & 0xc0 == 0x80 else { return 0 }
        }
        return length
    }

    /// The time of what is taken now; the part up to the second is formatted once a second.
    private func stampTime() {
        let now = Clock.now()
        if now.seconds != timeTextSecond {
            timeTextSecond = now.seconds
            timeText.removeAll(keepingCapacity: true)
            timeText.append(contentsOf: Timestamp(seconds: now.seconds).description.utf8.dropLast())
        }
        timeText.removeSubrange(JSONFileLog.secondTextBytes...)
        guard now.nanoseconds > 0 else {
            timeText.append(UInt8(ascii: "Z"))
            return
        }
        timeText.append(UInt8(ascii: "."))
        var rest = now.nanoseconds
        var unit: Int32 = 100_000_000
        while rest > 0 {
            timeText.append(UInt8(ascii: "0") + UInt8(rest / unit))
            rest %= unit
            unit /= 10
        }
        timeText.append(UInt8(ascii: "Z"))
    }

    /// The length of `2026-03-01T12:00:00`.
    private static let secondTextBytes = 19

    // MARK: - The file

    private func open(truncating: Bool) throws(Errno) {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | (truncating ? O_TRUNC : 0)
        size = 0
        wholeSize = 0
        let opened = try Files.open(path, flags: flags, mode: 0o640)
        let status = try opened.status()
        size = CInt(bitPattern: status.st_mode) & S_IFMT == S_IFREG ? Int64(status.st_size) : 0
        wholeSize = size
        file = consume opened
    }

    /// Writes the buffer. What cannot be written is lost and counted; a record cut in two by it is
    /// taken back and its rest left out, so that the file has whole records only.
    private func flush() {
        guard used > 0 else { return }
        if file == nil { reopen() }
        var done = 0
        if let number = file?.rawValue {
            while done < used {
                let from = done
                // Why a write fails does not matter here: disk full, quota, I/O error all cost the record.
                guard let start = buffer.baseAddress, let count = try? call({ write(number, start + from, used - from) }) else { break }
                done += count
            }
        }
        if done == used {
            if wholeUsed > 0 { wholeSize = size + Int64(wholeUsed) }
            size += Int64(done)
        } else {
            size += Int64(done)
            isDiscarding = used > wholeUsed
            giveUp(written: done)
        }
        used = 0
        wholeUsed = 0
    }

    /// A log that cannot be opened now is tried again a second later.
    private func reopen() {
        guard Clock.monotonicMilliseconds() >= retryAt else { return }
        retryAt = Clock.monotonicMilliseconds() + JSONFileLog.retryMilliseconds
        // The bytes of a failed attempt are counted by flush.
        try? open(truncating: false)
    }

    private func giveUp(written: Int) {
        bytesLost += Int64(used - written)
        guard let number = file?.rawValue, size > wholeSize, ftruncate(number, Int(wholeSize)) == 0 else { return }
        bytesLost += size - wholeSize
        size = wholeSize
    }

    private func rotateIfFull() {
        guard sizeMax > 0, size + Int64(used) >= sizeMax else { return }
        flush()
        guard size >= sizeMax else { return }
        file = nil
        for number in stride(from: filesMax - 1, through: 1, by: -1) {
            let older = "\(path).\(number)"
            let newer = number == 1 ? path : "\(path).\(number - 1)"
            // A gap in the row, or a name that cannot be moved, costs an old file and nothing else.
            _ = rename(newer, older)
        }
        // One file only: it begins again. If it cannot be opened now, flush tries again.
        try? open(truncating: filesMax == 1)
    }
}
