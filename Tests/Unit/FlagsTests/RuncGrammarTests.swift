import Testing

@testable import Flags

@Suite struct RuncGrammarTests {
    @Test("one dash and two are the same", arguments: ["-bundle", "--bundle", "-b", "--b"])
    func dashes(word: String) {
        #expect(runc.arguments("create", word, "/x", "id")?.string("bundle") == "/x")
        #expect(runc.arguments("create", "\(word)=/x", "id")?.string("bundle") == "/x")
    }

    @Test("flags may follow the id") func after() {
        let arguments = runc.arguments("create", "id", "--bundle", "/x", "--no-pivot")
        #expect(arguments?.positional == ["id"] && arguments?.string("bundle") == "/x" && arguments?.bool("no-pivot") == true)
        #expect(runc.arguments("delete", "--force", "id")?.positional == ["id"])
        #expect(runc.arguments("delete", "id", "-f")?.bool("force") == true)
    }

    @Test("an unknown dash word after the id is an argument") func signal() {
        #expect(runc.arguments("kill", "id", "-9")?.positional == ["id", "-9"])
        #expect(runc.arguments("kill", "--all", "id", "KILL")?.bool("all") == true)
    }

    @Test("exec's flags end at the id") func exec() {
        let arguments = runc.arguments("exec", "-d", "--env", "A=1", "-e", "B=2", "id", "sh", "-e")
        #expect(arguments?.positional == ["id", "sh", "-e"] && arguments?.strings("env") == ["A=1", "B=2"])
    }

    @Test("global flags stand before the verb") func globals() {
        guard case .run(let invocation) = runc.parse(["--root", "/r", "-log-format=json", "delete", "x"]) else { return #expect(Bool(false)) }
        #expect(invocation.global.string("root") == "/r" && invocation.global.string("log-format") == "json")
    }

    static let mistakes: [([String], String, Int32)] = [
        (["--nope"], "flag provided but not defined: -nope", 1),
        (["create", "--nope", "x"], "flag provided but not defined: -nope", 1),
        (["exec", "-du", "0", "x"], "flag provided but not defined: -du", 1),
        (["create", "--bundle"], "flag needs an argument: -bundle", 1),
        (["create", "-b"], "flag needs an argument: -b", 1),
        (["delete", "--force=maybe", "a"], "invalid boolean value \"maybe\" for -force: parse error", 1),
        (["create", "--preserve-fds", "x", "a"], "invalid value \"x\" for flag -preserve-fds: parse error", 1),
        (["create"], "\"create\" requires exactly 1 argument(s)", 1),
        (["create", "a", "b"], "\"create\" requires exactly 1 argument(s)", 1),
        (["exec"], "\"exec\" requires a minimum of 1 argument(s)", 1),
        (["nope"], "No help topic for 'nope'", 3),
    ]

    @Test("mistakes are told in runc's words", arguments: mistakes)
    func mistaken(words: [String], message: String, code: Int32) {
        guard case .misuse(let misuse) = runc.parse(words) else { return #expect(Bool(false), "\(words)") }
        #expect(misuse.message == message)
        #expect(misuse.exitCode == code)
    }
}
