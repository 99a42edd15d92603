// Small things that the standard library does not do with text without Foundation.

extension StringProtocol {
    /// Without white space at both ends.
    package var trimmed: String {
        let start = drop(while: \.isWhitespace)
        var end = start.endIndex
        while end > start.startIndex, start[start.index(before: end)].isWhitespace { end = start.index(before: end) }
        return String(start[..<end])
    }

    /// Both sides of the first `separator`; the second is nil where there is none.
    package func cut(_ separator: Character) -> (before: String, after: String?) {
        guard let index = firstIndex(of: separator) else { return (String(self), nil) }
        return (String(self[..<index]), String(self[self.index(after: index)...]))
    }

    /// With every `old` replaced.
    package func replacing(_ old: Character, with new: String) -> String {
        split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}

extension String {
    /// At most `count` characters, the last of them an ellipsis where something was cut.
    package func ellipsized(_ count: Int) -> String { self.count <= count ? self : prefix(count - 1) + "…" }

    /// Lines up columns: `text` and blanks up to `width`.
    package func padded(to width: Int) -> String { self + String(repeating: " ", count: Swift.max(0, width - count)) }
}
