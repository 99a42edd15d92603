import Testing

@testable import CLICore

@Suite struct SessionTests {
    private func scan(_ keys: DetachKeys, _ pieces: [[UInt8]]) -> (passed: [UInt8], detached: Bool) {
        var scanner = DetachScanner(keys)
        var passed: [UInt8] = []
        for piece in pieces {
            let (bytes, detach) = scanner.scan(piece[...])
            passed += bytes
            if detach { return (passed, true) }
        }
        return (passed, false)
    }

    @Test("the keys detach, in one piece or two, and nothing of them is passed on") func detaches() {
        #expect(scan(.standard, [[65, 16, 17, 66]]) == ([65], true))
        #expect(scan(.standard, [[65, 16], [17]]) == ([65], true))
    }

    @Test("what only begins like the keys reaches the container") func passes() {
        #expect(scan(.standard, [[16, 65]]) == ([16, 65], false))
        #expect(scan(.standard, [[16], [16, 65]]) == ([16, 16, 65], false))
        #expect(scan(.standard, [[16, 16, 17]]) == ([16], true))
    }

    @Test("keys are read by name", arguments: [("ctrl-p,ctrl-q", [16, 17]), ("a,b", [97, 98]), ("ctrl-@", [0]), ("ctrl-[,ctrl-\\", [27, 28])] as [(String, [UInt8])])
    func keys(text: String, bytes: [UInt8]) throws { #expect(try DetachKeys(parsing: text).bytes == bytes) }

    @Test("what is no key is refused", arguments: ["ctrl-", "ctrl-1", "ab", ""])
    func noKeys(text: String) { #expect(reason { _ = try DetachKeys(parsing: text) } != nil) }

    @Test("faults of the client's own code are not passed on to a container") func proxied() {
        for signal in [2, 15, 1, 10, 28].map({ Int32($0) }) { #expect(SignalSource.proxied.contains(signal) == (signal != 28)) }
        #expect(SignalName.of(2) == "INT" && SignalName.of(34) == "34")
    }
}
