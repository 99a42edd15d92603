// Footprint owns giving back what only the start needed. The kernel maps a program's file in runs of
// pages around each fault, so that after the start most of the mapped code is code that never runs
// again; given back, what is needed comes again from the page cache, page by page.
import CLinux
import Linux

enum Footprint {
    /// How often a quiet daemon looks at itself, in seconds.
    private static let lookSeconds = 5
    /// CPU time of a look's span below which the daemon counts as quiet, in milliseconds.
    private static let quietMilliseconds = 10
    /// CPU time since the last giving back above which there is something to give, in milliseconds.
    private static let busyMilliseconds = 30

    /// Gives back, each time the daemon has worked and is quiet again, what the work needed.
    static func giveBackWhenQuiet() async {
        var before = processorMilliseconds()
        var given = before
        while !Task.isCancelled {
            // Cancelled: the loop ends.
            try? await Task.sleep(for: .seconds(lookSeconds))
            let now = processorMilliseconds()
            if now - before < quietMilliseconds && now - given > busyMilliseconds {
                giveBackStartUp()
                malloc_trim(0)
                given = processorMilliseconds()
            }
            before = processorMilliseconds()
        }
    }

    /// What this process has used so far (getrusage(2)).
    private static func processorMilliseconds() -> Int {
        var usage = rusage()
        guard getrusage(RUSAGE_SELF, &usage) == 0 else { return 0 }
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1_000
    }

    /// Bytes of /proc/self/smaps at most.
    private static let mapsBytesMax = 1 << 20

    /// Unmaps the pages of files that are mapped read-only and have not been changed in memory.
    /// Nothing can be lost: their contents are in the files. Such mappings are the program's and its
    /// libraries', which stay where they are while it runs.
    static func giveBackStartUp() {
        // Without the table nothing is given back, which costs memory alone.
        guard let bytes = try? Files.read("/proc/self/smaps", limit: mapsBytesMax) else { return }
        var candidate: (start: UInt, length: Int)?
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 5)
            if let range = mapping(fields) {
                candidate = range.isCode ? (range.start, range.length) : nil
            } else if fields.first == "Anonymous:", let (start, length) = candidate {
                // Changed pages (relocations, in a mapping that is read-only now) exist in memory only.
                if fields.count > 1, fields[1] == "0" { _ = madvise(UnsafeMutableRawPointer(bitPattern: start), length, MADV_DONTNEED) }
                candidate = nil
            }
        }
    }

    /// A mapping's first line: `55d0-55e0 r-xp 00000000 08:01 1234 /path`; code and constants of a
    /// file are private and not writable.
    private static func mapping(_ fields: [Substring]) -> (start: UInt, length: Int, isCode: Bool)? {
        guard fields.count >= 5, let dash = fields[0].firstIndex(of: "-"), let start = UInt(fields[0][..<dash], radix: 16),
            let end = UInt(fields[0][fields[0].index(after: dash)...], radix: 16), end > start
        else { return nil }
        let isCode = (fields[1] == "r-xp" || fields[1] == "r--p") && fields[4] != "0"
        return (start, Int(end - start), isCode)
    }
}
