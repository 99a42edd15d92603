// DaemonLog owns what the daemon's log looks like: one line an entry on standard error, constant
// message and named fields, and a level that can change while it runs.
import CLinux
import EngineAPI
import Logging
import Synchronization

/// Writes log lines to standard error.
struct DaemonLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    private let part: String

    /// One level for the whole daemon, as its number.
    private static let level = Atomic<Int>(DaemonLog.number(.info))

    init(label: String) { part = label }

    /// Logs from `level` on, everywhere.
    static func setLevel(_ level: Logger.Level) { self.level.store(number(level), ordering: .relaxed) }

    /// The level in force.
    static var current: Logger.Level { Logger.Level.allCases[level.load(ordering: .relaxed)] }

    private static func number(_ level: Logger.Level) -> Int { Logger.Level.allCases.firstIndex(of: level) ?? 0 }

    var logLevel: Logger.Level {
        get { Self.current }
        set { Self.setLevel(newValue) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = "\(Timestamp.now().padded) \(event.level) \(part): \(event.message)"
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) { line += " \(name)=\(Self.quoted("\(value)"))" }
        line += "\n"
        // One write a line: lines of several threads do not mix.
        var bytes = Array(line.utf8)
        _ = write(2, &bytes, bytes.count)
    }

    /// Text with spaces, quotes or control characters goes in quotes, so that a field's end is seen.
    private static func quoted(_ text: String) -> String {
        guard text.isEmpty || text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x22 || $0 == 0x7F || $0 == 0x3D }) else { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default: result += scalar.value < 0x20 ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
            }
        }
        return result + "\""
    }
}
