import Testing

@testable import Linux

@Suite("Sets of processors")
struct ProcessorSetTests {
    @Test("a list is numbers and ranges", arguments: [("0", [0]), ("0-3,7", [0, 1, 2, 3, 7]), ("63-64", [63, 64]), ("2, 1", [1, 2]), ("5,5", [5])])
    func lists(list: String, numbers: [Int]) {
        #expect(ProcessorSet(list)?.numbers == numbers)
    }

    @Test("what is no list is refused", arguments: ["", ",", "1,", "a", "-1", "1-", "3-1", "1-2-3", "0x1", "+1", "8192", "99999999999999999999"])
    func noLists(list: String) {
        #expect(ProcessorSet(list) == nil)
    }
}
