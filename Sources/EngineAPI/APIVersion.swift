// APIVersion owns which versions of the Engine API are spoken and how a path names one.
import Faults

/// A version of the Engine API, `major.minor`.
public struct APIVersion: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Before the dot.
    public let major: Int
    /// After the dot.
    public let minor: Int

    /// The version `major.minor`.
    public init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// The newest version the engine speaks; requests without a version get it.
    public static let current = APIVersion(1, 51)
    /// The oldest version the engine speaks.
    public static let minimum = APIVersion(1, 24)

    /// Reads `1.41`; nil for anything else.
    public init?(parsing text: some StringProtocol) {
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 2, let major = Self.number(parts[0]), let minor = Self.number(parts[1]) else { return nil }
        self.init(major, minor)
    }

    private static func number(_ text: some StringProtocol) -> Int? {
        guard !text.isEmpty, text.utf8.count <= 4, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return Int(text)
    }

    public var description: String { "\(major).\(minor)" }

    public static func < (left: APIVersion, right: APIVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }

    /// Refuses a version outside of ``minimum`` to ``current``, in docker's words.
    /// - Throws: `invalidArgument`.
    public func requireServed() throws(Fault) {
        if self < Self.minimum {
            throw Fault(
                .invalidArgument,
                "client version \(self) is too old. Minimum supported API version is \(Self.minimum), "
                    + "please upgrade your client to a newer version")
        }
        if self > Self.current {
            throw Fault(
                .invalidArgument,
                "client version \(self) is too new. Maximum supported API version is \(Self.current)")
        }
    }
}
