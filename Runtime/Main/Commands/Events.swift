// events: what a container uses, and when its memory runs out, as JSON lines.
import CLinux
import Faults
import Flags
import Linux
import OCISpec
import RuntimeCore

extension CommandTable {
    /// runc's flags.
    static var eventsFlags: [Flag] {
        [
            .string("interval", value: "time", default: "5s", "Time between two statistics"),
            .bool("stats", "Print the statistics once and end"),
        ]
    }
}

func events(_ arguments: Arguments, _ settings: Settings) throws(Fault) {
    let text = arguments.string("interval")
    guard let interval = DurationText.milliseconds(text) else {
        throw Fault(.invalidArgument, "invalid value \"\(text)\" for flag -interval: a time such as 5s or 100ms is needed")
    }
    guard interval > 0 else { throw Fault(.invalidArgument, "duration interval must be greater than 0") }
    let container = try Container(arguments.positional[0], store: settings.store, journal: settings.journal)
    let id = container.record.id
    if arguments.bool("stats") { return try printLine(EventLine(type: "stats", id: id, data: .init(try container.statistics()))) }
    try container.observe(everyMilliseconds: interval) { observation throws(Fault) in
        switch observation {
        case .statistics(let statistics): try printLine(EventLine(type: "stats", id: id, data: .init(statistics)))
        case .memoryExhausted: try printLine(EventLine(type: "oom", id: id, data: nil))
        }
    }
}

/// One event. Each line is written whole and at once: whoever reads waits for it.
private func printLine(_ line: EventLine) throws(Fault) {
    var rest = (try JSON.encode(line) + [0x0A])[...]
    while !rest.isEmpty {
        do throws(Errno) {
            let count = try call { rest.withUnsafeBytes { write(1, $0.baseAddress, $0.count) } }
            rest = rest.dropFirst(count)
        } catch { throw Fault(.failed, "write event: \(error)", errno: error.rawValue) }
    }
}

struct EventLine: Encodable {
    let type: String
    let id: String
    let data: StatisticsReport?
}
