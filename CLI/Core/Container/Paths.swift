import CLinux

/// Paths as the user means them from where the program was started.
enum Paths {
    /// `path` from the root, without `.` and `..`, as text: links are not followed.
    static func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return cleaned(path) }
        guard let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return cleaned(String(cString: current) + "/" + path)
    }

    private static func cleaned(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
