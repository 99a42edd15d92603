// Machine owns the reading of facts about the host from the kernel and from os-release.
import CLinux
import Linux

/// The host, as it is now.
struct Machine: Sendable {
    let hostName: String
    let kernelRelease: String
    let distribution: String
    let distributionVersion: String
    let cpuCount: Int
    let memoryBytes: Int64
    let hasUnifiedCgroups: Bool
    let accountsSwap: Bool
    let forwardsIPv4: Bool
    private let controllers: Set<String>

    /// Asks the kernel.
    static func current() -> Machine { Machine() }

    private init() {
        hostName = Self.line("/proc/sys/kernel/hostname")
        kernelRelease = Self.line("/proc/sys/kernel/osrelease")
        let release = Self.osRelease()
        distribution = release["PRETTY_NAME"] ?? "Linux"
        distributionVersion = release["VERSION_ID"] ?? ""
        cpuCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        memoryBytes = Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE)))
        forwardsIPv4 = Self.read("/proc/sys/net/ipv4/ip_forward").hasPrefix("1")
        hasUnifiedCgroups = Files.exists("/sys/fs/cgroup/cgroup.controllers")
        controllers = Self.controllers(unified: hasUnifiedCgroups)
        accountsSwap =
            hasUnifiedCgroups
            ? Files.exists("/proc/swaps") && controllers.contains("memory")
            : Files.exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
    }

    /// Whether the kernel limits this here.
    func hasController(_ name: String) -> Bool { controllers.contains(name) }

    /// The architecture in the kernel's words, and in those of images.
    #if arch(x86_64)
        let architecture = "x86_64"
        let imageArchitecture = "amd64"
    #elseif arch(arm64)
        let architecture = "aarch64"
        let imageArchitecture = "arm64"
    #endif

    /// Entries of a directory; 0 when it cannot be read.
    static func entryCount(_ path: String) -> Int {
        (try? Files.names(in: path).count) ?? 0  // A count for /info is not worth an error.
    }

    /// The type of the file system that holds a path, by the mount with the longest matching name.
    static func fileSystem(of path: String) -> String {
        var best = (length: -1, type: "unknown")
        for line in read("/proc/self/mountinfo", limit: 4 << 20).split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 1, dash > 4 else { continue }
            let point = fields[4] == "/" ? "" : String(fields[4])
            guard path == point || path.hasPrefix(point + "/"), point.utf8.count >= best.length else { continue }
            best = (point.utf8.count, String(fields[dash + 1]))
        }
        return best.type
    }

    private static func controllers(unified: Bool) -> Set<String> {
        if unified { return Set(read("/sys/fs/cgroup/cgroup.controllers").split { $0 == " " || $0 == "\n" }.map(String.init)) }
        // subsys_name hierarchy num_cgroups enabled: only those that are mounted have a hierarchy.
        let lines = read("/proc/cgroups").split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Set(
            lines.compactMap { line in
                let fields = line.split(separator: "\t")
                return fields.count == 4 && fields[1] != "0" && fields[3] == "1" ? String(fields[0]) : nil
            })
    }

    private static func osRelease() -> [String: String] {
        let lines = (Files.exists("/etc/os-release") ? read("/etc/os-release") : read("/usr/lib/os-release")).split(separator: "\n")
        var values: [String: String] = [:]
        for line in lines {
            let name = line.prefix { $0 != "=" }
            values[String(name)] = String(line.dropFirst(name.count + 1).drop { $0 == "\"" }.prefix { $0 != "\"" })
        }
        return values
    }

    private static func read(_ path: String, limit: Int = 64 << 10) -> String {
        // What cannot be read is not there, for /info.
        // What cannot be read is empty in /info.
        String(decoding: (try? Files.read(path, limit: limit)) ?? [], as: UTF8.self)
    }

    private static func line(_ path: String) -> String { String(read(path).prefix { $0 != "\n" }) }
}
