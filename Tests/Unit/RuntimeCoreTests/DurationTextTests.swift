import Testing

@testable import RuntimeCore

@Suite struct DurationTextTests {
    @Test(
        "spans of time as people write them",
        arguments: [("0", 0), ("5s", 5_000), ("100ms", 100), ("1m30s", 90_000), ("1.5h", 5_400_000), ("10us", 1), ("-2s", -2_000), ("0s", 0)] as [(String, Int)])
    func spans(_ text: String, _ milliseconds: Int) { #expect(DurationText.milliseconds(text) == milliseconds) }

    @Test("what is no span of time", arguments: ["", "5", "s", "5x", "1.2.3s", "-", "soon", "5 s"])
    func nonsense(_ text: String) { #expect(DurationText.milliseconds(text) == nil) }
}
