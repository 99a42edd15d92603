import Faults
import Testing

@Suite struct FaultTests {
    @Test("a fault reads from the outermost step to the reason")
    func trail() {
        let fault = Fault(.failed, "Operation not permitted", errno: 1).within("mount proc on /proc").within("start container 4f3a")
        #expect(fault.description == "start container 4f3a: mount proc on /proc: Operation not permitted")
        #expect(fault.errno == 1)
    }

    @Test("within adds its step to what its body throws, and nothing to what it returns")
    func within_() throws {
        #expect(try within("step") { () throws(Fault) in 7 } == 7)
        #expect(throws: Fault(.notFound, "no", trail: ["step"])) {
            try within("step") { () throws(Fault) in throw Fault(.notFound, "no") }
        }
    }

    @Test("a missing command and one that cannot be executed have docker's exit codes")
    func exitCodes() {
        #expect(FaultKind.commandNotFound.exitCode == 127)
        #expect(FaultKind.commandNotExecutable.exitCode == 126)
        #expect(FaultKind.allCases.filter { $0.exitCode == 125 }.count == FaultKind.allCases.count - 2)
    }

    @Test("every kind has an HTTP status that is an answer, not a success")
    func statuses() {
        for kind in FaultKind.allCases { #expect((300..<600).contains(kind.httpStatus)) }
    }
}
