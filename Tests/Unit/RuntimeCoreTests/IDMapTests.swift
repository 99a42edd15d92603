import Testing

@testable import RuntimeCore

@Suite struct IDMapTests {
    @Test("only a map of the own id alone needs no helper")
    func alone() {
        #expect(IDMaps.isAlone("0 1000 1\n", id: 1_000))
        #expect(IDMaps.isAlone("5 1000 1\n", id: 1_000))
        #expect(!IDMaps.isAlone("0 1000 2\n", id: 1_000))
        #expect(!IDMaps.isAlone("0 1001 1\n", id: 1_000))
        #expect(!IDMaps.isAlone("0 1000 1\n1 100000 65536\n", id: 1_000))
        #expect(!IDMaps.isAlone("", id: 1_000))
    }

    @Test("ranges are read from either column, however wide the kernel writes it")
    func ranges() {
        let map = "         0       1000          1\n         1     100000      65536\n"
        #expect(IDRange.parse(map, column: 0) == [IDRange(first: 0, count: 1), IDRange(first: 1, count: 65_536)])
        #expect(IDRange.parse(map, column: 1) == [IDRange(first: 1_000, count: 1), IDRange(first: 100_000, count: 65_536)])
        #expect(IDRange.parse("nonsense\n1 2\n-1 2 3\n", column: 0).isEmpty)
    }

    @Test("a range holds itself and its parts, and nothing that sticks out")
    func holds() {
        let range = IDRange(first: 100, count: 10)
        #expect(range.holds(range) && range.holds(IDRange(first: 105, count: 5)))
        #expect(!range.holds(IDRange(first: 99, count: 2)) && !range.holds(IDRange(first: 105, count: 6)))
        #expect(range.description == "100-109" && IDRange(first: 7, count: 1).description == "7")
        // The last id there is: no sum overflows.
        #expect(!range.holds(IDRange(first: UInt64(UInt32.max), count: UInt64(UInt32.max))))
    }

    @Test("subordinate ids are granted by name or by number; other lines are somebody else's")
    func grants() {
        let text = "root:1:2\nanna:100000:65536\n1000:300000:5\nbroken:x:1\nanna:1:2:3\n\nanna:400000:1"
        #expect(
            IDMapHelper.grants(in: text, to: ["anna", "1000"]) == [
                IDRange(first: 100_000, count: 65_536), IDRange(first: 300_000, count: 5), IDRange(first: 400_000, count: 1),
            ])
    }
}
