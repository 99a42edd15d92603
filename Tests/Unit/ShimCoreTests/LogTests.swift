import CLinux
import Linux
import OCISpec
import Testing

@testable import ShimCore

/// A directory that is gone when the test ends.
final class Scratch {
    let path: String
    init() {
        var template = Array("/tmp/cais-test-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }
    deinit { try? Files.removeTree(path) }
}

struct Record: Decodable, Equatable {
    var log: String
    var stream: String
    var time: String
}

@Suite struct JSONFileLogTests {
    let scratch = Scratch()
    var path: String { scratch.path + "/c-json.log" }

    func records(_ name: String? = nil) throws -> [Record] {
        try Files.read(name ?? path).split(separator: UInt8(ascii: "\n")).map { try JSON.decode(Record.self, from: Array($0)) }
    }

    /// Gives a log these bytes at once and returns how many it took.
    func take(_ log: JSONFileLog, _ bytes: [UInt8], _ stream: OutputStream = .stdout, isLast: Bool = false) -> Int {
        bytes.withUnsafeBytes { log.take($0, of: stream, isLast: isLast) }
    }

    @Test("each line is a record with its stream and an RFC 3339 time")
    func lines() throws {
        let log = try JSONFileLog(path: path, sizeMax: 0, filesMax: 1)
        #expect(take(log, Array("one\ntwo\nthr".utf8)) == 8)
        #expect(take(log, Array("oops\n".utf8), .stderr) == 5)
        let records = try records()
        #expect(records.map(\.log) == ["one\n", "two\n", "oops\n"])
        #expect(records.map(\.stream) == ["stdout", "stdout", "stderr"])
        #expect(records.allSatisfy { $0.time.hasSuffix("Z") && $0.time.count >= 20 })
    }

    @Test("the end of the stream ends a line that has no newline, and adds none")
    func lastLine() throws {
        let log = try JSONFileLog(path: path, sizeMax: 0, filesMax: 1)
        #expect(take(log, Array("no newline".utf8), isLast: true) == 10)
        #expect(try records().map(\.log) == ["no newline"])
    }

    @Test("what JSON cannot hold is escaped, what is not UTF-8 becomes U+FFFD")
    func escapes() throws {
        let log = try JSONFileLog(path: path, sizeMax: 0, filesMax: 1)
        _ = take(log, Array("q\" b\\ t\t r\r e\u{1b} n\u{0} ü € 😀\n".utf8))
        _ = take(log, [0xff, 0x61, 0xc3, 0x0a])
        _ = take(log, [0xed, 0xa0, 0x80, 0xc0, 0xaf, 0xf5, 0x0a])
        let replacement = "\u{fffd}"
        #expect(
            try records().map(\.log) == [
                "q\" b\\ t\t r\r e\u{1b} n\u{0} ü € 😀\n", "\(replacement)a\(replacement)\n",
                String(repeating: replacement, count: 6) + "\n",
            ])
    }

    @Test("eight bytes are plain exactly when each of them is", arguments: 0..<256)
    func plain(byte: Int) {
        let needsLook = byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5c
        for place in 0..<8 {
            for filler in [0x20, 0x21, 0x41, 0x5b, 0x7f] as [UInt64] {
                let others = filler &* 0x0101_0101_0101_0101 & ~(0xff << UInt64(place * 8))
                #expect(JSONFileLog.isPlain(others | UInt64(byte) << UInt64(place * 8)) == !needsLook)
            }
        }
    }

    @Test("a long line becomes records of 16 KiB, and no character is cut in two")
    func longLine() throws {
        let log = try JSONFileLog(path: path, sizeMax: 0, filesMax: 1)
        let text = "x" + String(repeating: "€", count: 12_000) + "\n"
        #expect(take(log, Array(text.utf8)) == text.utf8.count)
        let records = try records()
        #expect(records.count == 3 && records.map(\.log).joined() == text)
        #expect(records.dropLast().allSatisfy { !$0.log.hasSuffix("\n") && $0.log.utf8.count > 16_380 })
    }

    @Test("lines that need six bytes for each of theirs are whole, though larger than the buffer")
    func manyEscapes() throws {
        let log = try JSONFileLog(path: path, sizeMax: 0, filesMax: 1)
        let line = [UInt8](repeating: 1, count: 16_000) + [0x0a]
        for _ in 0..<5 { #expect(take(log, line) == line.count) }
        #expect(try records().allSatisfy { $0.log.utf8.count == 16_001 })
    }

    @Test("a full file is put aside, and only so many are kept")
    func rotation() throws {
        let log = try JSONFileLog(path: path, sizeMax: 1_000, filesMax: 3)
        for number in 0..<100 { _ = take(log, Array("line \(number)\n".utf8)) }
        #expect(try Files.names(in: scratch.path).sorted() == ["c-json.log", "c-json.log.1", "c-json.log.2"])
        let kept = try records(path + ".2") + records(path + ".1") + records()
        let numbers = kept.map { Int($0.log.dropFirst(5).dropLast())! }
        #expect(numbers.last == 99 && numbers == Array(numbers[0]...99))
    }

    @Test("one file alone begins again when it is full")
    func singleFile() throws {
        let log = try JSONFileLog(path: path, sizeMax: 500, filesMax: 1)
        for number in 0..<100 { _ = take(log, Array("line \(number)\n".utf8)) }
        #expect(try Files.names(in: scratch.path) == ["c-json.log"])
        #expect(try records().last?.log == "line 99\n" && Files.read(path).count < 1_000)
    }

    @Test("a log that is opened again goes on at its end")
    func appends() throws {
        _ = take(try JSONFileLog(path: path, sizeMax: 0, filesMax: 1), Array("one\n".utf8))
        _ = take(try JSONFileLog(path: path, sizeMax: 0, filesMax: 1), Array("two\n".utf8))
        #expect(try records().map(\.log) == ["one\n", "two\n"])
    }

    @Test("a disk that takes nothing costs the records and is counted, and nothing else happens")
    func fullDisk() throws {
        let log = try JSONFileLog(path: "/dev/full", sizeMax: 0, filesMax: 1)
        #expect(take(log, Array("lost\n".utf8)) == 5)
        #expect(log.bytesLost > 5)
    }

    @Test("a log whose directory is missing is refused at once")
    func missingDirectory() {
        #expect(throws: (any Error).self) { try JSONFileLog(path: scratch.path + "/none/log", sizeMax: 0, filesMax: 1) }
    }

    @Test("a link in the place of the log is not followed")
    func link() {
        symlink("/tmp/elsewhere", path)
        #expect(throws: (any Error).self) { try JSONFileLog(path: path, sizeMax: 0, filesMax: 1) }
    }
}
