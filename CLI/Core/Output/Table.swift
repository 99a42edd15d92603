/// Columns of text as docker prints them: at least ten characters wide, three blanks between, the
/// last one as long as it is.
package enum Table {
    private static let widthMin = 10
    private static let padding = 3

    /// Lines up `text`, in which tabs end cells. A column is as wide as its cells in one unbroken
    /// run of lines that have it.
    package static func aligned(_ text: String) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map { String($0) }
        }
        var column = 0
        while true {
            var found = false
            var start = 0
            while start < lines.count {
                guard lines[start].count > column + 1 else {
                    start += 1
                    continue
                }
                found = true
                var end = start
                while end < lines.count, lines[end].count > column + 1 { end += 1 }
                let width = max(widthMin, (lines[start..<end].map { $0[column].count }.max() ?? 0) + padding)
                for line in start..<end { lines[line][column] = lines[line][column].padded(to: width) }
                start = end
            }
            if !found { break }
            column += 1
        }
        return lines.map { $0.joined() }.joined(separator: "\n")
    }
}
