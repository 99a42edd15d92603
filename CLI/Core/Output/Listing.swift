import Faults
import OCISpec

/// Rows for a listing and how `--format` wants them printed: docker's table, a table of one's own,
/// JSON, or a template.
package struct Listing {
    /// What the columns are called in a header, by field.
    package let headers: [(field: String, header: String)]
    /// The template of the default table.
    package let defaultTable: String
    /// The rows.
    package var rows: [Row]

    /// One row.
    package struct Row: Sendable, Hashable {
        /// An object by field.
        package let fields: JSONValue
        /// What the method `.Label` finds.
        package let labels: [String: String]?

        /// A row of these fields.
        package init(_ fields: JSONValue, labels: [String: String]? = nil) {
            self.fields = fields
            self.labels = labels
        }

        /// A row of texts.
        package init(_ members: [(String, String)], labels: [String: String]? = nil) {
            self.init(.object(members.map { JSONMember(name: $0.0, value: .string($0.1)) }), labels: labels)
        }
    }

    /// A listing without rows.
    package init(headers: [(field: String, header: String)], table: [String], rows: [Row] = []) {
        self.headers = headers
        defaultTable = table.map { "{{.\($0)}}" }.joined(separator: "\t")
        self.rows = rows
    }

    /// The text to print, with its last line's end.
    /// - Throws: `invalidArgument` for a template that cannot be read or carried out.
    package func render(format: String, quietField: String? = nil) throws(Fault) -> String {
        if let quietField, format.isEmpty || format == "table" {
            return rows.map { ($0.fields.member(quietField)?.goText ?? "") + "\n" }.joined()
        }
        let trimmed = Self.unescaped(format.trimmed)
        if trimmed == "json" { return rows.map { $0.fields.sortedByName.compactText + "\n" }.joined() }
        if trimmed.isEmpty || trimmed == "table" { return try table(defaultTable) }
        if trimmed.hasPrefix("table ") || trimmed.hasPrefix("table\t") { return try table(String(trimmed.dropFirst(6))) }
        return try lines(try Self.parse(trimmed))
    }

    private func table(_ text: String) throws(Fault) -> String {
        let template = try Self.parse(text)
        let header = Row(headers.map { ($0.field, $0.header) }, labels: [:])
        return Table.aligned(try lines(template, [header]) + lines(template))
    }

    private static func parse(_ text: String) throws(Fault) -> Template {
        do throws(Fault) { return try Template(parsing: text) } catch { throw Fault(error.kind, "failed to parse template: \(error.reason)") }
    }

    private func lines(_ template: Template, _ rows: [Row]? = nil) throws(Fault) -> String {
        do throws(Fault) {
            var text = ""
            for row in rows ?? self.rows { text += try template.render(row.fields, labels: row.labels) + "\n" }
            return text
        } catch { throw Fault(error.kind, "failed to execute template: \(error.reason)") }
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
