import Faults

/// Where a configuration wants its cgroup (`linux.cgroupsPath`), checked: no part of it leads
/// out of where it begins.
package struct CgroupPath: Hashable, Sendable, CustomStringConvertible {
    /// Whether it counts from the hierarchies' roots; otherwise from the caller's own cgroups.
    package let isAbsolute: Bool
    /// Its parts, at least one.
    package let components: [String]

    /// The longest path.
    static let bytesMax = 4_095

    /// Reads `cgroupsPath`; where there is none, the place is `/cais/<id>`. A `..` takes away the
    /// part before it and, where there is none, nothing: it cannot climb.
    /// - Throws: `.invalidArgument` for names the kernel refuses and for what comes down to the root itself.
    package init(parsing text: String?, id: String) throws(Fault) {
        let text = text.flatMap { $0.isEmpty ? nil : $0 } ?? "/cais/\(id)"
        isAbsolute = text.hasPrefix("/")
        var parts: [String] = []
        for part in text.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        components = parts
        let invalid = { (reason: String) in Fault(.invalidArgument, reason, trail: ["cgroupsPath \"\(text)\""]) }
        guard !components.isEmpty else { throw invalid("it names the root") }
        guard text.utf8.count <= Self.bytesMax, components.allSatisfy({ $0.utf8.count <= 255 }) else { throw invalid("too long") }
        guard !text.utf8.contains(where: { $0 == 0 || $0 == 0x0A }) else { throw invalid("a control character is not allowed") }
    }

    /// The path without a slash in front.
    var relative: String {
        var text = ""
        for component in components { text += text.isEmpty ? component : "/" + component }
        return text
    }

    /// The path as it was meant.
    package var description: String { (isAbsolute ? "/" : "") + relative }
}
