import Testing

@testable import Flags

@Suite struct DockerGrammarTests {
    @Test("a value follows its flag, or an equals sign") func values() throws {
        for words in [["run", "--name", "web", "x"], ["run", "--name=web", "x"]] {
            guard case .run(let invocation) = docker.parse(words) else { return #expect(Bool(false)) }
            #expect(invocation.arguments.string("name") == "web")
            #expect(invocation.arguments.positional == ["x"])
            #expect(invocation.action() == Act.run)
        }
    }

    @Test("an empty value after an equals sign is a value") func emptyValue() {
        let arguments = docker.arguments("run", "--name=", "x")
        #expect(arguments?.string("name") == "" && arguments?.isSet("name") == true)
    }

    @Test("shorthands join, and the last of them may take the rest as its value", arguments: [
        (["-itp80:80", "x"], ["80:80"]), (["-it", "-p", "80:80", "x"], ["80:80"]), (["-i", "-t", "-p=80:80", "x"], ["80:80"]),
        (["-p80:80", "-ti", "-p", "81:81", "x"], ["80:80", "81:81"]),
    ]) func shorthands(words: [String], ports: [String]) {
        guard case .run(let invocation) = docker.parse(["run"] + words) else { return #expect(Bool(false)) }
        #expect(invocation.arguments.strings("publish") == ports)
        #expect(invocation.arguments.bool("interactive") && invocation.arguments.bool("tty"))
    }

    @Test("a bool takes its value only behind an equals sign", arguments: [
        ("--rm", true), ("--rm=true", true), ("--rm=1", true), ("--rm=T", true), ("--rm=false", false), ("--rm=0", false), ("--rm=F", false),
    ]) func bools(word: String, value: Bool) {
        #expect(docker.arguments("run", word, "false")?.bool("rm") == value)
        #expect(docker.arguments("run", word, "false")?.positional == ["false"])
    }

    @Test("a bool that is on by default is switched off by =false") func boolDefault() {
        #expect(docker.arguments("run", "x")?.bool("sig-proxy") == true)
        #expect(docker.arguments("run", "--sig-proxy=false", "x")?.bool("sig-proxy") == false)
        #expect(docker.arguments("run", "-it=false", "x")?.bool("tty") == false)
    }

    @Test("flags end at the image") func endsAtArgument() {
        let arguments = docker.arguments("run", "-i", "x", "sh", "-c", "--rm", "--", "-p80")
        #expect(arguments?.positional == ["x", "sh", "-c", "--rm", "--", "-p80"])
        #expect(arguments?.bool("rm") == false)
    }

    @Test("two dashes end the flags and are dropped") func dashes() {
        #expect(docker.arguments("run", "--", "-x", "y")?.positional == ["-x", "y"])
        #expect(docker.arguments("stop", "a", "--", "-b")?.positional == ["a", "-b"])
        #expect(docker.arguments("stop", "a", "--", "-b")?.countBeforeDashes == 1)
    }

    @Test("elsewhere flags and arguments may be mixed") func interspersed() {
        #expect(docker.arguments("ps", "-a")?.bool("all") == true)
        #expect(docker.arguments("ps", "-n", "5")?.int("last") == 5)
        #expect(docker.arguments("ps", "-n-5")?.int("last") == -5)
        #expect(docker.arguments("ps")?.int("last") == -1)
    }

    @Test("a single dash is an argument") func loneDash() { #expect(docker.arguments("run", "-", "a")?.positional == ["-", "a"]) }

    @Test("an older name means the same flag") func aliases() { #expect(docker.arguments("run", "--net", "host", "x")?.string("network") == "host") }

    @Test("-h belongs to the verb that declares it") func shorthandH() {
        #expect(docker.arguments("run", "-h", "web", "x")?.string("hostname") == "web")
        #expect(docker.shown("ps", "-h")?.hasPrefix("Usage:  cais ps [OPTIONS]\n") == true)
    }

    @Test("numbers are read in Go's spellings", arguments: [("0x10", 16), ("010", 8), ("-5", -5), ("+7", 7), ("0b11", 3), ("0o17", 15)])
    func numbers(text: String, value: Int) { #expect(docker.arguments("run", "--oom-score-adj=\(text)", "x")?.int("oom-score-adj") == value) }

    @Test("global flags stand before the verb, and only there") func globals() {
        guard case .run(let invocation) = docker.parse(["-H", "a", "--host=b", "-D", "ps"]) else { return #expect(Bool(false)) }
        #expect(invocation.global.strings("host") == ["a", "b"] && invocation.global.bool("debug"))
        #expect(docker.misuse("ps", "-H", "a")?.message == "unknown shorthand flag: 'H' in -H")
    }

    @Test("a verb below a noun answers to its aliases") func nouns() {
        for word in ["ls", "list", "ps"] {
            guard case .run(let invocation) = docker.parse(["container", word]) else { return #expect(Bool(false)) }
            #expect(invocation.action() == Act.list && invocation.path == ["container", "ls"])
        }
    }

    static let mistakes: [([String], String, Int32)] = [
        (["run", "--nope", "x"], "unknown flag: --nope", 125),
        (["run", "--nope=3", "x"], "unknown flag: --nope", 125),
        (["run", "-Z", "x"], "unknown shorthand flag: 'Z' in -Z", 125),
        (["run", "-itZq", "x"], "unknown shorthand flag: 'Z' in -Zq", 125),
        (["run", "-=x", "x"], "unknown shorthand flag: '=' in -=x", 125),
        (["run", "--=x", "x"], "bad flag syntax: --=x", 125),
        (["run", "---x", "x"], "bad flag syntax: ---x", 125),
        (["run", "--name"], "flag needs an argument: --name", 125),
        (["run", "-e"], "flag needs an argument: 'e' in -e", 125),
        (["run", "-ite"], "flag needs an argument: 'e' in -e", 125),
        (["run", "-e", "=x", "y"], "invalid argument \"=x\" for \"-e, --env\" flag: invalid environment variable: =x", 125),
        (["run", "--rm=maybe"], "invalid argument \"maybe\" for \"--rm\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax", 125),
        (["ps", "--all=x"], "invalid argument \"x\" for \"-a, --all\" flag: strconv.ParseBool: parsing \"x\": invalid syntax", 125),
        (["run", "--oom-score-adj", "x"], "invalid argument \"x\" for \"--oom-score-adj\" flag: strconv.ParseInt: parsing \"x\": invalid syntax", 125),
        (["run", "--blkio-weight", "99999999"], "invalid argument \"99999999\" for \"--blkio-weight\" flag: strconv.ParseUint: parsing \"99999999\": value out of range", 125),
        (["run", "--blkio-weight=-1"], "invalid argument \"-1\" for \"--blkio-weight\" flag: strconv.ParseUint: parsing \"-1\": invalid syntax", 125),
        (["--help=foo"], "invalid argument \"foo\" for \"--help\" flag: strconv.ParseBool: parsing \"foo\": invalid syntax", 125),
        (["--nope", "ps"], "unknown flag: --nope", 125),
        (["run"], "'cais run' requires at least 1 argument", 1),
        (["ps", "foo"], "'cais ps' accepts no arguments", 1),
        (["rename", "a"], "'cais rename' requires 2 arguments", 1),
        (["images", "a", "b"], "'cais images' requires at most 1 argument", 1),
        (["nope"], "unknown command: cais nope", 1),
        (["container", "nope"], "unknown command: cais container nope", 1),
    ]

    @Test("mistakes are told in docker's words", arguments: mistakes)
    func mistaken(words: [String], message: String, code: Int32) {
        guard case .misuse(let misuse) = docker.parse(words) else { return #expect(Bool(false), "\(words)") }
        #expect(misuse.message == message)
        #expect(misuse.exitCode == code)
    }

    @Test("the whole text of a mistake is docker's") func texts() {
        #expect(docker.misuse("run", "--nope")?.text == "unknown flag: --nope\n\nUsage:  cais run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'cais run --help' for more information")
        #expect(docker.misuse("run")?.text == "cais: 'cais run' requires at least 1 argument\n\nUsage:  cais run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'cais run --help' for more information")
        #expect(docker.misuse("nope")?.text == "cais: unknown command: cais nope\n\nRun 'cais --help' for more information")
        #expect(docker.misuse("container", "nope")?.text == "cais: unknown command: cais container nope\n\nUsage:  cais container\n\nRun 'cais container --help' for more information")
        #expect(docker.misuse("help", "nope")?.text == "unknown help topic: nope")
    }

    @Test("help and version can be asked for everywhere they stand in docker") func asking() {
        #expect(docker.shown("--version") == "Cais version 1\n")
        #expect(docker.shown("-v") == "Cais version 1\n")
        #expect(docker.shown("help", "run") == docker.shown("run", "--help"))
        #expect(docker.shown("container")?.hasPrefix("Usage:  cais container COMMAND\n") == true)
        #expect(docker.arguments("run", "--help=false", "x") != nil)
        #expect(docker.shown() == docker.shown("--help"))
    }

    @Test("a program without verbs acts by itself") func withoutVerbs() {
        guard case .run(let invocation) = daemon.parse(["--data-root", "/x"]) else { return #expect(Bool(false)) }
        #expect(invocation.action() == Act.plain && invocation.arguments.string("data-root") == "/x" && invocation.path.isEmpty)
        #expect(daemon.arguments()?.string("data-root") == "/var/lib/cais")
        #expect(daemon.misuse("x")?.message == "'caisd' accepts no arguments")
    }
}
