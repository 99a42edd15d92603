import Faults
import OCISpec

/// Rows for a listing and how `--format` wants them printed: docker's table, a table of one's own,
/// JSON, or a template.
package struct Listing {
    /// What the columns are called in a header, by field.
    package let headers: [(field: String, header: String)]
    /// The template of the default table.
    package let defaultTable: String
    /// The rows, objects by field.
    package var rows: [JSONValue]

    /// A listing without rows.
    package init(headers: [(field: String, header: String)], table: [String], rows: [JSONValue] = []) {
        self.headers = headers
        defaultTable = table.map { "{{.\($0)}}" }.joined(separator: "\t")
        self.rows = rows
    }

    /// The text to print, with its last line's end.
    /// - Throws: `invalidArgument` for a template that cannot be read or carried out.
    package func render(format: String, quietField: String? = nil) throws(Fault) -> String {
        if let quietField, format.isEmpty || format == "table" {
            return rows.map { ($0.member(quietField)?.goText ?? "") + "\n" }.joined()
        }
        let trimmed = Self.unescaped(format.trimmed)
        if trimmed == "json" { return rows.map { $0.sortedByName.compactText + "\n" }.joined() }
        if trimmed.isEmpty || trimmed == "table" { return try table(defaultTable) }
        if trimmed.hasPrefix("table ") || trimmed.hasPrefix("table\t") { return try table(String(trimmed.dropFirst(6))) }
        let template = try Template(parsing: trimmed)
        var text = ""
        for row in rows { text += try template.render(row) + "\n" }
        return text
    }

    private func table(_ text: String) throws(Fault) -> String {
        let template = try Template(parsing: text)
        var lines = try template.render(.object(headers.map { JSONMember(name: $0.field, value: .string($0.header)) })) + "\n"
        for row in rows { lines += try template.render(row) + "\n" }
        return Table.aligned(lines)
    }

    /// Shells pass `\t` and `\n` as two characters.
    private static func unescaped(_ format: String) -> String {
        var result = ""
        var rest = format[...]
        while let character = rest.popFirst() {
            if character == "\\", let next = rest.first, next == "t" || next == "n" {
                result += next == "t" ? "\t" : "\n"
                rest = rest.dropFirst()
            } else {
                result.append(character)
            }
        }
        return result
    }
}

extension JSONValue {
    /// The same object with its members in the order of their names, as Go writes maps.
    package var sortedByName: JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members.sorted { $0.name < $1.name })
    }

    /// An object of texts.
    package static func row(_ members: [(String, String)]) -> JSONValue {
        .object(members.map { JSONMember(name: $0.0, value: .string($0.1)) })
    }
}
