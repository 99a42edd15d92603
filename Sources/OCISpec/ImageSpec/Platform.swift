import Faults

/// What an image runs on: an operating system and a processor, by the names Go gives them.
public struct Platform: Codable, Hashable, Sendable, CustomStringConvertible {
    /// The operating system.
    public var os: String
    /// The processor architecture.
    public var architecture: String
    /// The processor's variant, as `v8`.
    public var variant: String?
    /// The operating system's version.
    public var osVersion: String?
    /// Features the operating system must have.
    public var osFeatures: [String]?

    private enum CodingKeys: String, CodingKey {
        case os, architecture, variant
        case osVersion = "os.version"
        case osFeatures = "os.features"
    }

    /// Makes one from its parts, as they are.
    public init(
        os: String, architecture: String, variant: String? = nil, osVersion: String? = nil, osFeatures: [String]? = nil
    ) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
        self.osVersion = osVersion
        self.osFeatures = osFeatures
    }

    /// Reads `os/architecture[/variant]`, or only one of the first two; other tools' names for
    /// architectures become Go's. What is missing is this machine's.
    /// - Throws: `.invalidArgument` for anything else.
    public init(parsing text: String) throws(Fault) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { $0.lowercased() }
        let sound = (1...3).contains(parts.count) && parts.allSatisfy(Self.isWord)
        guard sound else { throw Fault(.invalidArgument, "invalid platform \"\(text)\": want os/architecture[/variant]") }
        if parts.count == 1 {
            let alone = parts[0]
            if Self.operatingSystems.contains(alone) {
                self.init(os: alone, architecture: Platform.host.architecture, variant: Platform.host.variant)
            } else {
                self = Platform(os: Platform.host.os, architecture: alone).normalized
                guard Self.architectures.contains(architecture) else {
                    throw Fault(.invalidArgument, "invalid platform \"\(text)\": unknown operating system or architecture")
                }
            }
        } else {
            self = Platform(os: parts[0], architecture: parts[1], variant: parts.count == 3 ? parts[2] : nil).normalized
        }
    }

    /// What this program was built for.
    public static var host: Platform {
        #if arch(x86_64)
            Platform(os: "linux", architecture: "amd64")
        #elseif arch(arm64)
            Platform(os: "linux", architecture: "arm64", variant: "v8")
        #elseif arch(riscv64)
            Platform(os: "linux", architecture: "riscv64")
        #elseif arch(powerpc64le)
            Platform(os: "linux", architecture: "ppc64le")
        #elseif arch(s390x)
            Platform(os: "linux", architecture: "s390x")
        #elseif arch(arm)
            Platform(os: "linux", architecture: "arm", variant: "v7")
        #else
            #error("an architecture without a name here")
        #endif
    }

    /// The same platform with Go's names and without a variant that is the only one.
    public var normalized: Platform {
        var copy = self
        copy.os = os.lowercased()
        if copy.os == "macos" { copy.os = "darwin" }
        copy.variant = variant?.lowercased()
        switch architecture.lowercased() {
        case "x86_64", "x86-64", "amd64":
            copy.architecture = "amd64"
            if copy.variant == "v1" { copy.variant = nil }
        case "i386", "i486", "i586", "i686", "386": (copy.architecture, copy.variant) = ("386", nil)
        case "aarch64", "arm64":
            copy.architecture = "arm64"
            if copy.variant == nil || copy.variant == "8" { copy.variant = "v8" }
        case "armhf": (copy.architecture, copy.variant) = ("arm", "v7")
        case "armel": (copy.architecture, copy.variant) = ("arm", "v6")
        case "arm":
            copy.architecture = "arm"
            switch copy.variant {
            case nil, "", "7": copy.variant = "v7"
            case "5", "6", "8": copy.variant = "v" + (copy.variant ?? "")
            case .some: break
            }
        case let other: copy.architecture = other
        }
        if copy.variant == "" { copy.variant = nil }
        return copy
    }

    /// Whether an image for `self` runs on `machine` without emulation.
    public func runs(on machine: Platform = .host) -> Bool {
        let wanted = normalized
        let given = machine.normalized
        guard wanted.os == given.os else { return false }
        if wanted.architecture == given.architecture {
            return wanted.variant == given.variant || wanted.variant == nil
                || (wanted.architecture == "arm" && (wanted.variant ?? "") <= (given.variant ?? ""))
        }
        return wanted.architecture == "386" && given.architecture == "amd64"
    }

    /// `os/architecture[/variant]`.
    public var description: String {
        variant.map { "\(os)/\(architecture)/\($0)" } ?? "\(os)/\(architecture)"
    }

    private static let operatingSystems: Set = ["linux", "windows", "darwin", "macos", "freebsd", "netbsd", "openbsd", "solaris", "android", "wasip1"]
    private static let architectures: Set = ["386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "wasm"]

    private static func isWord(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
                default: false
                }
            }
    }
}
