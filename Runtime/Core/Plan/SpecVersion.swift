// SpecVersion owns the reading of `ociVersion`: which version of the specification a bundle was
// made for. Most of the specification only grew; where a rule changed, the bundle's version decides.

/// A version of the runtime specification, as SemVer 2.0.0 writes it.
struct SpecVersion: Hashable, Sendable {
    let major: UInt32
    let minor: UInt32

    /// Nil where `text` is no semantic version.
    init?(_ text: String) {
        let (withoutBuild, build) = SpecVersion.cut(Array(text.utf8)[...], at: UInt8(ascii: "+"))
        let (core, prerelease) = SpecVersion.cut(withoutBuild, at: UInt8(ascii: "-"))
        let numbers = core.split(separator: SpecVersion.dot, omittingEmptySubsequences: false)
        guard numbers.count == 3, numbers.allSatisfy(SpecVersion.isNumber),
            let major = UInt32(String(decoding: numbers[0], as: UTF8.self)), let minor = UInt32(String(decoding: numbers[1], as: UTF8.self)),
            build.map(SpecVersion.areIdentifiers) ?? true,
            prerelease.map({ SpecVersion.areIdentifiers($0) && SpecVersion.numbersHaveNoZeros($0) }) ?? true
        else { return nil }
        self.major = major
        self.minor = minor
    }

    /// Whether a poststart hook that fails ends the container. Until 1.2 it was to be a warning only
    /// ("the remaining hooks and lifecycle continue as if the hook had succeeded"); since 1.3 the
    /// runtime "MUST generate an error, stop the container, and continue the lifecycle" with its end.
    var poststartFailureEnds: Bool { (major, minor) >= (1, 3) }

    private static let dot = UInt8(ascii: ".")

    private static func cut(_ text: ArraySlice<UInt8>, at separator: UInt8) -> (ArraySlice<UInt8>, ArraySlice<UInt8>?) {
        guard let index = text.firstIndex(of: separator) else { return (text, nil) }
        return (text[..<index], text[(index + 1)...])
    }

    private static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
        !text.isEmpty && text.allSatisfy(isDigit) && (text.count == 1 || text.first != UInt8(ascii: "0"))
    }

    private static func areIdentifiers(_ text: ArraySlice<UInt8>) -> Bool {
        text.split(separator: dot, omittingEmptySubsequences: false).allSatisfy { word in
            !word.isEmpty && word.allSatisfy { isDigit($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x2d }
        }
    }

    private static func numbersHaveNoZeros(_ text: ArraySlice<UInt8>) -> Bool {
        text.split(separator: dot).allSatisfy { !$0.allSatisfy(isDigit) || isNumber($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
