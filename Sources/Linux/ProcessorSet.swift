import CLinux

/// A set of processors, or of memory nodes, by number, as the kernel lists them: `0-3,7` (cpuset(7), "List format").
package struct ProcessorSet: Hashable, Sendable {
    /// One above the highest number that is understood; what the kernel can be built for (NR_CPUS).
    package static let countMax = 8_192

    /// 64 of them a word, the lowest in the lowest bit: the mask that the kernel reads.
    package private(set) var words: [UInt64] = []

    /// Understands a list; nil for an empty one, and for what is no list or beyond ``countMax``.
    package init?(_ list: String) {
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
                .map { $0.filter { $0 != " " } }
                .map { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int($0) : nil }
            guard let lower = ends.first.flatMap({ $0 }), let upper = ends.last.flatMap({ $0 }), lower <= upper, upper < Self.countMax
            else { return nil }
            for number in lower...upper { insert(number) }
        }
    }

    /// The numbers, ascending.
    package var numbers: [Int] {
        words.indices.flatMap { word in (0..<64).filter { words[word] & (1 << UInt64($0)) != 0 }.map { word * 64 + $0 } }
    }

    /// Keeps the calling thread, and what it starts from now on, to these processors (sched_setaffinity(2)).
    /// - Throws: `EINVAL` where none of them is there or allowed by the thread's cpuset.
    package func apply() throws(Errno) {
        let words = words
        _ = try callOnce {
            words.withUnsafeBytes { bytes in
                sched_setaffinity(0, bytes.count, bytes.assumingMemoryBound(to: cpu_set_t.self).baseAddress)
            }
        }
    }

    private mutating func insert(_ number: Int) {
        while words.count <= number / 64 { words.append(0) }
        words[number / 64] |= 1 << UInt64(number % 64)
    }
}
