import CLinux
import Linux

/// Lists of numbers as the kernel writes them: `0-3,7`.
enum NumberList {
    /// The most numbers that a list is taken to have.
    private static let countMax = 8_192

    static func numbers(_ text: String) -> [Int] {
        var numbers: [Int] = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last, numbers.count + last - first < countMax else { continue }
            numbers += first...last
        }
        return numbers
    }
}

/// The sizes of huge pages that this kernel has, in the words of the controller's files.
enum HugePageSizes {
    /// `2MB`, `1GB`; none where there are no huge pages.
    static var all: [String] {
        let names = (try? Files.names(in: "/sys/kernel/mm/hugepages")) ?? []  // no such directory, no such pages
        return names.compactMap { name in
            guard name.hasPrefix("hugepages-"), name.hasSuffix("kB"), let kilobytes = UInt64(name.dropFirst(10).dropLast(2)) else { return nil }
            return words(kilobytes: kilobytes)
        }
    }

    /// As the kernel writes a size (hugetlb_cgroup.c): the largest unit it is at least one of.
    static func words(kilobytes: UInt64) -> String {
        if kilobytes >= 1 << 20 { return "\(kilobytes >> 20)GB" }
        return kilobytes >= 1 << 10 ? "\(kilobytes >> 10)MB" : "\(kilobytes)KB"
    }
}
