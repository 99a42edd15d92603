import Faults
import Testing

@testable import Containers

@Suite struct ClientWordsTests {
    @Test(
        "a failure to execute has the words that docker's client turns into 126 and 127",
        arguments: [
            (FaultKind.commandNotFound, "executable file `x` not found in $PATH: No such file or directory", "executable file not found"),
            (.commandNotFound, "exec: \"x\": executable file not found in $PATH", "executable file not found"),
            (.commandNotExecutable, "open executable: Permission denied", "permission denied"),
            (.commandNotExecutable, "exec: \"/etc\": is a directory", "is a directory"),
        ])
    func words(kind: FaultKind, reason: String, expected: String) {
        let translated = ClientWords.translate(Fault(kind, reason, trail: ["start"]))
        #expect(translated.reason.contains(expected))
        #expect(translated.reason.hasPrefix(reason))
        #expect(translated.kind == kind && translated.trail == ["start"])
    }

    @Test("any other failure keeps its words")
    func others() {
        let fault = Fault(.failed, "mount proc: no")
        #expect(ClientWords.translate(fault) == fault)
    }
}
