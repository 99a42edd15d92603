import CLinux
import Linux

// MemoryKills answers one question: did the kernel kill a process of this container for want of
// memory? It reads the kernel's own counter when the container ends, which costs nothing while it
// runs; an event descriptor would be one more to watch and says no more.

/// The counter of a container's cgroup.
struct MemoryKills {
    private let file: String
    private let key: String
    private let atBirth: UInt64

    /// Finds the counter of the cgroup that `pid` is in: v1's memory.oom_control or v2's
    /// memory.events. nil where the memory controller is not there.
    init?(pid: pid_t) {
        // No process, no cgroup file system: nothing to count.
        guard let text = try? Files.open("/proc/\(pid)/cgroup").readAll(limit: 65_536) else { return nil }
        guard let found = MemoryKills.candidates(from: String(decoding: text, as: UTF8.self)).first(where: { Files.exists($0.file) }) else {
            return nil
        }
        (file, key) = found
        atBirth = MemoryKills.read(file, key) ?? 0
    }

    /// Whether the counter has grown since.
    func happened() -> Bool { (MemoryKills.read(file, key) ?? 0) > atBirth }

    /// Where the counter may be, from the lines of /proc/PID/cgroup.
    static func candidates(from text: String) -> [(file: String, key: String)] {
        text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return nil }
            if parts[1].split(separator: ",").contains("memory") {
                return ("/sys/fs/cgroup/memory\(parts[2])/memory.oom_control", "oom_kill ")
            }
            if parts[0] == "0" && parts[1].isEmpty { return ("/sys/fs/cgroup\(parts[2])/memory.events", "oom_kill ") }
            return nil
        }
    }

    private static func read(_ file: String, _ key: String) -> UInt64? {
        // A cgroup that is gone has nothing to say.
        guard let text = try? Files.open(file).readAll(limit: 4_096) else { return nil }
        let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(key) }
        return line.flatMap { UInt64($0.dropFirst(key.count)) }
    }
}
