import Testing

@testable import RuntimeCore

@Suite struct SizeTextTests {
    @Test(
        "sizes as people write them",
        arguments: [
            ("0", 0), ("512", 512), ("512b", 512), ("64k", 65_536), ("64KiB", 65_536), ("512M", 512 << 20), ("1.5g", 3 << 29), ("1 GB", 1 << 30),
            ("9223372036854775807", Int64.max), ("0.5", 0), ("2p", 2 << 50),
        ] as [(String, Int64)])
    func sizes(_ text: String, _ bytes: Int64) { #expect(SizeText.bytes(text) == bytes) }

    @Test("what is no size", arguments: ["", "m", "-1", "1x", "1mm", "1.2.3", "ib", "5ib", "9999999p", "9223372036854775808", "0x10", "1e3"])
    func nonsense(_ text: String) { #expect(SizeText.bytes(text) == nil) }
}
