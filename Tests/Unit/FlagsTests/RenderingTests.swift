import Testing

@testable import Flags

@Suite struct RenderingTests {
    @Test("help groups flags by theme, shows defaults and hides the hidden") func help() throws {
        let help = try #require(docker.shown("run", "--help"))
        #expect(help.contains("Aliases:\n  cais container run, cais run\n"))
        #expect(help.contains("Lifetime:\n      --rm "))
        #expect(help.contains("  -p, --publish list "))
        #expect(help.contains("(default \"missing\")") && help.contains("(default true)"))
        #expect(!help.contains("--old"))
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test("the program's help lists verbs and nouns") func rootHelp() throws {
        let help = try #require(docker.shown("--help"))
        #expect(help.contains("  run        Create and run a new container from an image\n"))
        #expect(help.contains("  container  Manage containers\n"))
        #expect(help.contains("-H, --host list"))
    }

    @Test("every shell gets a script that knows verbs, flags and values", arguments: Shell.allCases)
    func completion(shell: Shell) throws {
        let script = try #require(docker.shown("completion", shell.rawValue))
        #expect(script.contains("rename") && script.contains("publish") && script.contains("a b"))
        #expect(!script.contains("--old"))
        #expect(docker.misuse("completion", "tcsh") != nil)
    }

    @Test("every verb has a manual page") func manual() throws {
        guard case .write("/d", let pages) = docker.parse(["manual", "/d"]) else { return #expect(Bool(false)) }
        #expect(pages.map(\.fileName) == ["cais.1", "cais-run.1", "cais-ps.1", "cais-stop.1", "cais-rename.1", "cais-images.1", "cais-container.1", "cais-container-ls.1"])
        let run = try #require(pages.first { $0.fileName == "cais-run.1" }).text
        #expect(run.hasPrefix(".TH CAIS\\-RUN 1 "))
        #expect(run.contains("\\fB\\-p\\fR, \\fB\\-\\-publish\\fR \\fIlist\\fR\nPublish ports."))
    }

    @Test("a quoted text shows what does not print") func quoting() { #expect(quoted("a\"b\\\n\u{1}") == "\"a\\\"b\\\\\\n\\x01\"") }
}
