// HostFacts owns what the specification of a container depends on outside of its configuration:
// read once, handed to pure functions.
import CLinux
import Faults
import Linux

/// The machine, as far as containers' specifications depend on it.
struct HostFacts: Sendable {
    /// Whether the only cgroup hierarchy is version 2.
    var cgroupV2: Bool
    /// The kernel's version.
    var kernel: (major: Int, minor: Int)
    /// The processor by Go's name.
    var processor: String
    /// Processors that are online.
    var cpus: Set<Int>
    /// Memory nodes that are online.
    var memoryNodes: Set<Int>
    /// What the engine can give to containers.
    var capabilities: Set<String>
    /// Directories that tell about thermal throttling, which say too much about the host.
    var thermalPaths: [String]
    /// The host's name.
    var hostname: String
    /// Sysctls of new network namespaces that this kernel has, with the value containers get.
    var networkSysctls: [String: String]

    /// Reads them from the running system.
    static func read() -> HostFacts {
        let cpus = set("/sys/devices/system/cpu/online") ?? [0]
        return HostFacts(
            cgroupV2: isCgroupV2(), kernel: kernelVersion(), processor: goProcessor, cpus: cpus,
            memoryNodes: set("/sys/devices/system/node/online") ?? [0], capabilities: availableCapabilities(),
            thermalPaths: (set("/sys/devices/system/cpu/possible") ?? cpus).sorted()
                .map { "/sys/devices/system/cpu/cpu\($0)/thermal_throttle" }.filter(Files.exists),
            hostname: line("/proc/sys/kernel/hostname"), networkSysctls: presentSysctls())
    }

    /// The processor this program was built for, by Go's name.
    static var goProcessor: String {
        #if arch(x86_64)
            "amd64"
        #elseif arch(arm64)
            "arm64"
        #elseif arch(s390x)
            "s390x"
        #elseif arch(riscv64)
            "riscv64"
        #else
            "unknown"
        #endif
    }

    private static func presentSysctls() -> [String: String] {
        var found: [String: String] = [:]
        if Files.exists("/proc/sys/net/ipv4/ping_group_range") { found["net.ipv4.ping_group_range"] = "0 2147483647" }
        if Files.exists("/proc/sys/net/ipv4/ip_unprivileged_port_start") { found["net.ipv4.ip_unprivileged_port_start"] = "0" }
        return found
    }

    private static func availableCapabilities() -> Set<String> {
        guard let own = try? ProcessCapabilities.current() else { return Set(CapabilitySet.names) }  // then the runtime leaves out what it cannot give
        return Set(own.permitted.names)
    }

    private static func isCgroupV2() -> Bool {
        var status = statfs()
        return statfs("/sys/fs/cgroup", &status) == 0 && status.f_type == 0x6367_7270
    }

    private static func kernelVersion() -> (major: Int, minor: Int) {
        let numbers = line("/proc/sys/kernel/osrelease").split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : (0, 0)
    }

    /// The first line of a file of the kernel's; empty where there is none.
    private static func line(_ path: String) -> String {
        guard let bytes = try? Files.read(path, limit: 64 << 10) else { return "" }  // every caller has a default
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private static func set(_ path: String) -> Set<Int>? {
        let text = line(path)
        return text.isEmpty ? nil : NumberList.parse(text)
    }
}

/// Lists of numbers as the kernel writes them: `0-3,7`.
enum NumberList {
    /// The highest number that is read.
    static let numberMax = 8_192

    /// The numbers; nil where the text is no list.
    static func parse(_ text: String) -> Set<Int>? {
        var numbers: Set<Int> = []
        guard !text.isEmpty else { return [] }
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = ends.first.flatMap({ Int($0) }), first >= 0, first <= numberMax else { return nil }
            guard ends.count == 2 else {
                numbers.insert(first)
                continue
            }
            guard let last = Int(ends[1]), last >= first, last <= numberMax else { return nil }
            numbers.formUnion(first...last)
        }
        return numbers
    }
}
