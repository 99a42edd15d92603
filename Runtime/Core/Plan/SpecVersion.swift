// SpecVersion owns the reading of `ociVersion`: which version of the specification a bundle was
// made for. Most of the specification only grew; where a rule changed, the bundle's version decides.

/// A version of the runtime specification, as SemVer 2.0.0 writes it.
struct SpecVersion: Hashable, Sendable {
    let major: UInt32
    let minor: UInt32

    /// Nil where `text` is no semantic version.
    init?(_ text: String) {
        let (withoutBuild, build) = SpecVersion.cut(text, at: "+")
        let (core, prerelease) = SpecVersion.cut(withoutBuild, at: "-")
        let numbers = core.split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 3, numbers.allSatisfy(SpecVersion.isNumber), let major = UInt32(numbers[0]), let minor = UInt32(numbers[1]),
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

    private static func cut(_ text: some StringProtocol, at separator: Character) -> (Substring, Substring?) {
        guard let index = text.firstIndex(of: separator) else { return (Substring(text), nil) }
        return (Substring(text[..<index]), Substring(text[text.index(after: index)...]))
    }

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy(isDigit) && (text == "0" || text.first != "0")
    }

    private static func areIdentifiers(_ text: Substring) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { word in
            !word.isEmpty && word.utf8.allSatisfy { isDigit($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x2d }
        }
    }

    private static func numbersHaveNoZeros(_ text: Substring) -> Bool {
        text.split(separator: ".").allSatisfy { !$0.utf8.allSatisfy(isDigit) || isNumber($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
