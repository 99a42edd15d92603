import EngineAPI
import Glibc
import Testing

@testable import Containers

@Suite("Reading a container's log") struct LogTests {
    private let scratch = Scratch()
    private var path: String { scratch.path + "/log" }

    private func write(_ lines: [String], to name: String = "", append: Bool = false) throws {
        let file = try #require(fopen(path + name, append ? "a" : "w"))
        for line in lines { fputs(line + "\n", file) }
        fclose(file)
    }
    private func line(_ text: String, stream: String = "stdout", second: Int = 0) -> String {
        "{\"log\":\"\(text)\\n\",\"stream\":\"\(stream)\",\"time\":\"2026-01-01T00:00:\(second < 10 ? "0" : "")\(second).5Z\"}"
    }
    private func read(_ cursor: LogCursor) throws -> String {
        var out: [UInt8] = []
        while true {
            let chunk = try cursor.next()
            if chunk.isEmpty { return String(decoding: out, as: UTF8.self) }
            out += chunk
        }
    }
    private func read(_ options: LogOptions) throws -> String { try read(LogCursor(path: path, options: options, framed: false)) }

    @Test("lines come out as they were written, oldest file first") func rotated() throws {
        try write([line("one")], to: ".2")
        try write([line("two")], to: ".1")
        try write([line("three"), line("four")])
        #expect(try read(LogOptions()) == "one\ntwo\nthree\nfour\n")
    }

    @Test("the last lines are found across files", arguments: [(0, ""), (1, "four\n"), (2, "three\nfour\n"), (3, "two\nthree\nfour\n"), (9, "one\ntwo\nthree\nfour\n")])
    func tail(_ count: Int, _ expected: String) throws {
        try write([line("one")], to: ".2")
        try write([line("two")], to: ".1")
        try write([line("three"), line("four")])
        #expect(try read(LogOptions(tail: count)) == expected)
    }

    @Test("streams are chosen and framed") func streams() throws {
        try write([line("out"), line("err", stream: "stderr")])
        #expect(try read(LogOptions(stdout: false)) == "err\n")
        let cursor = try LogCursor(path: path, options: LogOptions(), framed: true)
        #expect(try cursor.next() == StreamFraming.frame(.stdout, Array("out\n".utf8)) + StreamFraming.frame(.stderr, Array("err\n".utf8)))
    }

    @Test("times limit and begin lines") func times() throws {
        try write([line("a", second: 1), line("b", second: 2), line("c", second: 3)])
        let from = try Timestamp(parsing: "2026-01-01T00:00:02Z")
        let to = try Timestamp(parsing: "2026-01-01T00:00:03Z")
        #expect(try read(LogOptions(since: from)) == "b\nc\n")
        #expect(try read(LogOptions(until: to)) == "a\nb\n")
        #expect(try read(LogOptions(since: from, until: to, timestamps: true)) == "2026-01-01T00:00:02.500000000Z b\n")
    }

    @Test("escapes and damaged lines") func escapes() throws {
        try write([#"{"log":"\u00e4\"\\\u001b[0m\ud83d\ude00\t\n","stream":"stdout","time":"x"}"#, "{\"log\":\"cut", line("after")])
        #expect(try read(LogOptions()) == "ä\"\\\u{1B}[0m😀\t\nafter\n")
    }

    @Test("a reader follows across rotation and loses nothing") func follows() throws {
        try write([line("one")])
        let cursor = try LogCursor(path: path, options: LogOptions(), framed: false)
        #expect(try read(cursor) == "one\n")
        try write([line("two")], append: true)
        #expect(try read(cursor) == "two\n")
        try write([line("three")], append: true)
        rename(path, path + ".1")
        try write([line("four")])
        rename(path + ".1", path + ".2")
        rename(path, path + ".1")
        try write([line("five")])
        #expect(try read(cursor) == "three\nfour\nfive\n")
    }

    @Test("a line that is being written is waited for") func partial() throws {
        try write([line("one")])
        let file = try #require(fopen(path, "a"))
        fputs("{\"log\":\"tw", file)
        fflush(file)
        let cursor = try LogCursor(path: path, options: LogOptions(), framed: false)
        #expect(try read(cursor) == "one\n")
        fputs("o\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}\n", file)
        fclose(file)
        #expect(try read(cursor) == "two\n")
    }

    @Test("a container that has written nothing has an empty log") func empty() throws {
        #expect(try read(LogOptions()) == "")
        #expect(try read(LogOptions(tail: 10)) == "")
    }

    @Test("a line across many blocks comes out whole") func long() throws {
        let text = String(repeating: "x", count: 300_000)
        try write([line(text), line("end")])
        #expect(try read(LogOptions()) == text + "\nend\n")
        #expect(try read(LogOptions(tail: 1)) == "end\n")
    }
}
