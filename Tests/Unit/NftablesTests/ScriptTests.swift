import Faults
import Testing

@testable import Nftables

@Suite("Packet filter scripts")
struct ScriptTests {
    let table = NftTable(family: "ip", name: "t")

    @Test("a table is replaced, whether it exists or not")
    func replace() {
        var script = NftScript()
        script.replaceTable(table)
        #expect(script.text == "add table ip t\ndelete table ip t\nadd table ip t\n")
    }

    @Test("elements go in one command, and none in no command")
    func elements() {
        var script = NftScript()
        script.addElements(NftCollection(table, "s"), [])
        #expect(script.isEmpty)
        script.addElements(NftCollection(table, "s"), ["1", "2"])
        script.deleteElements(NftCollection(table, "s"), ["1"])
        #expect(script.commands == ["add element ip t s { 1, 2 }", "delete element ip t s { 1 }"])
    }

    @Test("the library's report becomes a kind and one sentence")
    func refusal() {
        let missing = Nftables.refusal("<buffer>:1:1-2: Error: Could not process rule: No such file or directory\nadd …\n^^")
        #expect(missing.kind == .notFound)
        #expect(missing.reason == "Could not process rule: No such file or directory")
        #expect(Nftables.refusal("Error: Could not process rule: File exists").kind == .conflict)
        #expect(Nftables.refusal("Error: Could not process rule: Operation not permitted").kind == .forbidden)
        #expect(Nftables.refusal("").kind == .failed)
    }
}
