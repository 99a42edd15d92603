// swift-tools-version: 6.2
// One table of targets, sorted by layer: an arrow may only point at a layer above it in this file.
// The dependency lists are the walls of the house (docs/architecture.md); keep each of them short.
import Glibc
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .treatAllWarnings(as: .error),
    // One view of the C library for Swift's own module of it and for ours: two definitions of one
    // type are an error, but only when one compiler process happens to read both.
    .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"]),
    // Each function in a section of its own, so that the linker can drop or place it, and values copied
    // and destroyed member by member, not by a description that is made at run time (docs/design/0012, 0015).
    .unsafeFlags(["-Xfrontend", "-function-sections", "-Xfrontend", "-disable-type-layout"]),
]

/// What starts for each container: without the regular expressions that each file imports unasked,
/// 1.2 MB of code.
let lean = strict + [.unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"])]

/// Short-lived or per-container programs: one static file, no Foundation, sections that nobody uses dropped.
let staticProgram: [LinkerSetting] = [
    .unsafeFlags(["-static-executable", "-Xlinker", "--gc-sections", "-Xlinker", "-s"])
]

/// The runtime besides: what a container's life calls lies side by side in the file, so that a start
/// maps few pages of it (docs/design/0012). With CAIS_SYMBOLS=1 the names stay, for `make link-order`.
let runtimeProgram: [LinkerSetting] = [
    .unsafeFlags(
        ["-static-executable", "-use-ld=lld", "-Xlinker", "--gc-sections"]
            + ["--symbol-ordering-file=\(Context.packageDirectory)/Runtime/link-order.txt", "--no-warn-symbol-ordering"].flatMap { ["-Xlinker", $0] }
            + (Context.environment["CAIS_SYMBOLS"] == nil ? ["-Xlinker", "-s"] : []))
]

/// The daemon: the Swift libraries inside, so that it maps no more of them than it uses. GRDB brings
/// Foundation, whose parts a static link has to name.
let daemonProgram: [LinkerSetting] = [
    .unsafeFlags(["-static-stdlib", "-Xlinker", "--gc-sections", "-Xlinker", "-s"]),
    .linkedLibrary("CoreFoundation"), .linkedLibrary("_FoundationICU"), .linkedLibrary("_FoundationCShims"), .linkedLibrary("_FoundationCollections"),
]

func library(
    _ name: String, _ path: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = strict
) -> Target {
    .target(name: name, dependencies: dependencies, path: path, exclude: readmes(path), swiftSettings: settings)
}

func program(
    _ name: String, _ path: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = strict, linker: [LinkerSetting] = []
) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: path, exclude: readmes(path), swiftSettings: settings,
        linkerSettings: linker)
}

func unitTests(_ module: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(module)Tests", dependencies: [.target(name: module)] + dependencies,
        path: "Tests/Unit/\(module)Tests", swiftSettings: strict)
}

/// Folders that open with a README; SwiftPM wants to be told that it is not source.
func readmes(_ path: String) -> [String] {
    ["README.md"].filter { Context.hasFile("\(path)/\($0)") }
}

extension Context {
    static func hasFile(_ path: String) -> Bool {
        guard let file = fopen("\(packageDirectory)/\(path)", "r") else { return false }
        fclose(file)
        return true
    }
}

/// The runtime, the shim and the command line need none of the daemon's packages; with
/// CAIS_WITHOUT_DAEMON=1 they build and test without fetching or compiling any.
let withDaemon = Context.environment["CAIS_WITHOUT_DAEMON"] == nil

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")

// MARK: - Targets

// C: constants and calls that Swift's Glibc module hides, and system libraries.
let bindings: [Target] = [
    .target(name: "CLinux", path: "Sources/CLinux"),
    .systemLibrary(name: "CSeccomp", path: "Sources/CSeccomp"),
]

// Values and functions, no system calls.
let pure = [
    library("Faults", "Sources/Faults", settings: lean),
    library("Flags", "Sources/Flags", ["Faults"], settings: lean),
    library("OCISpec", "Sources/OCISpec", ["Faults"], settings: lean),
    library("EngineAPI", "Sources/EngineAPI", ["OCISpec", "Faults"], settings: lean),
    library("Lifecycle", "Sources/Lifecycle", ["Faults"], settings: lean),
    library("ShimProtocol", "Sources/ShimProtocol", ["Lifecycle", "OCISpec", "Faults"], settings: lean),
]

// The kernel, typed.
let kernel = [
    library("Linux", "Sources/Linux", ["CLinux"], settings: lean),
    library("Cgroups", "Sources/Cgroups", ["Linux", "CLinux", "OCISpec", "Faults"], settings: lean),
    library("Netlink", "Sources/Netlink", ["Linux", "CLinux", "Faults"], settings: lean),
    library("Seccomp", "Sources/Seccomp", ["CSeccomp", "Linux", "CLinux", "OCISpec", "Faults"], settings: lean),
]

let runtime = [
    library("RuntimeCore", "Runtime/Core", ["Cgroups", "Netlink", "Seccomp", "Linux", "CLinux", "OCISpec", "Faults"], settings: lean),
    program("cais-runtime", "Runtime/Main", ["RuntimeCore", "Cgroups", "Linux", "CLinux", "OCISpec", "Flags", "Faults"], settings: lean, linker: runtimeProgram),
]

let shim = [
    library("ShimCore", "Shim/Core", ["ShimProtocol", "Lifecycle", "Linux", "CLinux", "OCISpec", "Faults"], settings: lean),
    program("cais-shim", "Shim/Main", ["ShimCore", "ShimProtocol", "Linux", "OCISpec", "Flags", "Faults"], settings: lean, linker: staticProgram),
]

let cli = [
    library("CLICore", "CLI/Core", ["EngineAPI", "Linux", "CLinux", "OCISpec", "Flags", "Faults"]),
    program("cais", "CLI/Main", ["CLICore", "EngineAPI", "Linux", "OCISpec", "Flags", "Faults"], linker: staticProgram),
]

// Services that do not know each other, an API on top, one place that wires them.
let daemon: [Target] = [
    .systemLibrary(name: "CArchive", path: "Sources/CArchive"),
    .systemLibrary(name: "CNftables", path: "Sources/CNftables"),
    library("Nftables", "Sources/Nftables", ["CNftables", "Faults"]),
    library("Archive", "Sources/Archive", ["CArchive", "Linux", "CLinux", "OCISpec", "Faults", crypto]),
    library("EngineStore", "Daemon/Store", ["OCISpec", "Faults", grdb]),
    library("EngineEvents", "Daemon/Events", ["EngineAPI", "OCISpec", "Faults"]),
    library("Content", "Daemon/Content", ["Linux", "CLinux", "OCISpec", "Faults", crypto]),
    library("Snapshots", "Daemon/Snapshots", ["Archive", "Linux", "CLinux", "OCISpec", "Faults"]),
    library("Images", "Daemon/Images", ["Content", "Snapshots", "Archive", "EngineStore", "EngineEvents", "EngineAPI", "Linux", "CLinux", "OCISpec", "Faults", crypto, log]),
    library("Networks", "Daemon/Networks", ["Netlink", "Nftables", "Linux", "CLinux", "EngineStore", "EngineEvents", "EngineAPI", "OCISpec", "Faults", log]),
    library("Containers", "Daemon/Containers", ["ShimProtocol", "Lifecycle", "EngineStore", "EngineEvents", "EngineAPI", "Linux", "CLinux", "OCISpec", "Faults", log]),
    library("EngineServer", "Daemon/API", ["Containers", "Images", "Networks", "EngineEvents", "EngineAPI", "Linux", "CLinux", "OCISpec", "Faults", log] + nio),
    program("caisd", "Daemon/Main", ["EngineServer", "Containers", "Images", "Networks", "Netlink", "Snapshots", "Content", "Archive", "EngineStore", "EngineEvents", "EngineAPI", "Linux", "CLinux", "OCISpec", "Flags", "Faults", log] + nio, linker: daemonProgram),
]

// No root, seconds.
let tests = [
    unitTests("Cgroups", ["Linux", "CLinux", "OCISpec", "Faults"]),
    unitTests("CLICore", ["EngineAPI", "Flags", "OCISpec", "Faults"]),
    unitTests("EngineAPI", ["OCISpec", "Faults"]),
    unitTests("Faults"),
    unitTests("Flags"),
    unitTests("Lifecycle", ["Faults"]),
    unitTests("Linux", ["CLinux"]),
    unitTests("Netlink"),
    unitTests("OCISpec", ["Linux"]),
    unitTests("RuntimeCore", ["Cgroups", "Linux", "CLinux", "OCISpec", "Faults"]),
    unitTests("Seccomp", ["Linux", "CLinux", "OCISpec", "Faults"]),
    unitTests("ShimCore", ["Lifecycle", "ShimProtocol", "OCISpec", "Linux", "CLinux", "Faults"]),
    unitTests("ShimProtocol", ["Lifecycle", "OCISpec", "Faults"]),
]
let daemonTests: [Target] = [
    unitTests("Archive", ["OCISpec", "Faults"]),
    unitTests("Containers", ["EngineAPI", "EngineEvents", "EngineStore", "Lifecycle", "ShimProtocol", "Linux", "OCISpec", "Faults"]),
    unitTests("Content", ["Linux", "OCISpec", "Faults"]),
    unitTests("EngineEvents", ["EngineAPI"]),
    unitTests("EngineServer", ["EngineAPI", "Faults", "Linux", "CLinux"] + nio),
    unitTests("EngineStore"),
    unitTests("Images", ["Archive", "OCISpec", "Faults"]),
    unitTests("Networks", ["Netlink", "Nftables", "EngineStore", "EngineEvents", "EngineAPI", "Linux", "CLinux", "OCISpec", "Faults"]),
    unitTests("Nftables"),
    unitTests("Snapshots", ["Archive", "CLinux", "Linux", "OCISpec", "Faults"]),
]

let package = Package(
    name: "cais",
    products: [
        .library(name: "OCISpec", targets: ["OCISpec"]),
        .library(name: "EngineAPI", targets: ["EngineAPI"]),
    ],
    dependencies: withDaemon
        ? [
            .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
            .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
            .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
            .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        ] : [],
    targets: bindings + pure + kernel + runtime + shim + cli + tests + (withDaemon ? daemon + daemonTests : [])
)
