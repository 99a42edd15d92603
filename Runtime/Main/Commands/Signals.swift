// kill and delete.
import Faults
import Flags
import Linux
import RuntimeCore

func sendSignal(_ arguments: Arguments, _ settings: Settings) throws(Fault) {
    let text = arguments.positional.count > 1 ? arguments.positional[1] : "SIGTERM"
    guard let number = SignalName.number(text) else { throw Fault(.invalidArgument, "unknown signal \"\(text)\"") }
    let container = try Container(arguments.positional[0], store: settings.store, journal: settings.journal)
    try container.signal(number, all: arguments.bool("all"))
}

func delete(_ arguments: Arguments, _ settings: Settings) throws(Fault) {
    let id = arguments.positional[0]
    let force = arguments.bool("force")
    try Container.delete(id, force: force, store: settings.store, journal: settings.journal)
}
