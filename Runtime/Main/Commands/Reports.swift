// state, list, features, spec: the verbs that only tell.
import Faults
import Flags
import Linux
import OCISpec
import RuntimeCore

/// What `state` prints and `list` lists: the specification's state and what runc adds to it.
struct StateReport: Codable {
    let ociVersion: String
    let id: String
    let pid: Int32
    let status: RuntimeStatus
    let bundle: String
    let rootfs: String
    let created: String
    let annotations: [String: String]?
    var owner: String

    init(_ container: Container) {
        let (record, status) = (container.record, container.status)
        ociVersion = record.ociVersion
        id = record.id
        pid = record.livePid(status)
        self.status = status
        bundle = record.bundle
        rootfs = record.rootfs
        created = record.created
        annotations = record.annotations
        owner = record.owner
    }
}

func printJSON(_ value: some Encodable, pretty: Bool) throws(Fault) {
    print(String(decoding: try JSON.encode(value, pretty: pretty), as: UTF8.self))
}

func printState(_ arguments: Arguments, _ settings: Settings) throws(Fault) {
    try printJSON(StateReport(try Container(arguments.positional[0], store: settings.store, journal: settings.journal)), pretty: true)
}

/// Who made a container, as `list` calls them.
private enum Owner {
    /// The host's name of a user, from its /etc/passwd; `#` and the number where it has none.
    static func name(of owner: String) -> String {
        if owner.isEmpty { return "root" }
        let wanted = Array(owner.utf8)
        // A host without the file has no names.
        let bytes = (try? Files.read("/etc/passwd", limit: 1 << 20)) ?? []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            if fields.count > 2 && fields[2].elementsEqual(wanted) { return String(decoding: fields[0], as: UTF8.self) }
        }
        return "#\(owner)"
    }
}

func list(_ arguments: Arguments, _ settings: Settings) throws(Fault) {
    var reports: [StateReport] = []
    for id in try settings.store.ids() {
        // One that was deleted since its name was read is not listed; one that is damaged is said.
        do throws(Fault) {
            var report = StateReport(try Container(id, store: settings.store, journal: settings.journal))
            report.owner = Owner.name(of: report.owner)
            reports.append(report)
        } catch {
            if error.kind != .notFound { settings.journal.write(.warning, "\(error)") }
        }
    }
    if arguments.bool("quiet") { return reports.forEach { print($0.id) } }
    switch arguments.string("format") {
    case "json": try printJSON(reports, pretty: false)
    case "table":
        let rows = reports.map { [$0.id, String($0.pid), $0.status.rawValue, $0.bundle, $0.created, $0.owner] }
        printTable([["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]] + rows)
    case let other: throw Fault(.invalidArgument, "invalid format option: \(other)")
    }
}

/// Columns as wide as their widest cell and three spaces between, twelve characters at least.
func printTable(_ rows: [[String]]) {
    let columns = rows.first?.count ?? 0
    let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
    for row in rows {
        let cells = row.enumerated().map { index, cell in
            index == columns - 1 ? cell : cell + String(repeating: " ", count: max(9, widths[index]) - cell.count)
        }
        print(cells.joined(separator: "   "))
    }
}

func printFeatures() throws(Fault) { try printJSON(Features.document, pretty: true) }

func writeSpec(_ arguments: Arguments) throws(Fault) {
    let path = (arguments.optional("bundle").map { $0 + "/" } ?? "") + "config.json"
    if Files.exists(path) { throw Fault(.conflict, "file \(path) exists. Remove it first") }
    let bytes = try JSON.encode(DefaultSpec.make(rootless: arguments.bool("rootless")), pretty: true)
    do throws(Errno) { try Files.replace(path, with: bytes + [10], mode: 0o666, durable: false) } catch {
        throw Fault(.failed, "write \(path): \(error)")
    }
}
