import CLICore
import EngineAPI
import Faults
import Flags
import OCISpec

// stop, restart, kill, wait, rm, rename, ps, container prune.
extension Commands {
    static func stop(_ context: Context) throws(Fault) -> Int32 { ending(context, "stop") }

    static func restart(_ context: Context) throws(Fault) -> Int32 { ending(context, "restart") }

    private static func ending(_ context: Context, _ verb: String) -> Int32 {
        let arguments = context.arguments
        var query: [(name: String, value: String)] = []
        if arguments.isSet("signal") { query.append(("signal", arguments.string("signal"))) }
        if arguments.isSet("timeout") { query.append(("t", String(arguments.int("timeout") ?? 0))) }
        return context.forEach(arguments.positional) { (name) throws(Fault) in
            try context.client.perform(Request("POST", "/containers/\(percentEncoded(name))/\(verb)", query: query))
        }
    }

    static func kill(_ context: Context) -> Int32 {
        let arguments = context.arguments
        let query: [(name: String, value: String)] = arguments.isSet("signal") ? [("signal", arguments.string("signal"))] : []
        return context.forEach(arguments.positional) { (name) throws(Fault) in
            try context.client.perform(Request("POST", "/containers/\(percentEncoded(name))/kill", query: query))
        }
    }

    static func wait(_ context: Context) -> Int32 {
        context.forEach(context.arguments.positional, prints: false) { (name) throws(Fault) in
            let answer: WaitResponse = try context.client.call(Request("POST", "/containers/\(percentEncoded(name))/wait"))
            Output.line(String(answer.statusCode))
        }
    }

    static func remove(_ context: Context) -> Int32 {
        let arguments = context.arguments
        var query: [(name: String, value: String)] = []
        if arguments.bool("force") { query.append(("force", "1")) }
        if arguments.bool("volumes") { query.append(("v", "1")) }
        return context.forEach(arguments.positional, forgivesMissing: arguments.bool("force")) { (name) throws(Fault) in
            let plain = name.hasPrefix("/") ? String(name.dropFirst()) : name
            guard !plain.isEmpty else { throw Fault(.invalidArgument, "Container name cannot be empty") }
            try context.client.perform(Request("DELETE", "/containers/\(percentEncoded(plain))", query: query))
        }
    }

    static func rename(_ context: Context) throws(Fault) -> Int32 {
        let names = context.arguments.positional.map(\.trimmed)
        guard !names.contains("") else { throw Fault(.invalidArgument, "Error: Neither old nor new names may be empty") }
        do throws(Fault) {
            try context.client.perform(Request("POST", "/containers/\(percentEncoded(names[0]))/rename", query: [("name", names[1])]))
        } catch {
            Output.error(error.description)
            throw Fault(error.kind, "Error: failed to rename container named \(names[0])")
        }
        return 0
    }

    static func list(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        let format = arguments.string("format")
        let size = arguments.bool("size") || format.contains(".Size")
        let last = arguments.bool("latest") ? 1 : arguments.int("last") ?? -1
        var query: [(name: String, value: String)] = []
        if arguments.bool("all") || last > 0 { query.append(("all", "1")) }
        if last > 0 { query.append(("limit", String(last))) }
        if size { query.append(("size", "1")) }
        query += try self.query(try filters(arguments.strings("filter")))
        let containers: [ContainerSummary] = try context.client.call(Request("GET", "/containers/json", query: query))
        let now = Timestamp.now().seconds
        var listing = Rows.containers(size: arguments.bool("size"))
        listing.rows = containers.map { Rows.container($0, truncates: !arguments.bool("no-trunc"), now: now) }
        Output.text(try listing.render(format: format, quietField: arguments.bool("quiet") ? "ID" : nil))
        return 0
    }

    static func prune(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        if !arguments.bool("force") {
            guard Prompt.confirm("WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ") else {
                throw Fault(.invalidArgument, "container prune has been cancelled")
            }
        }
        let request = Request("POST", "/containers/prune", query: try query(try filters(arguments.strings("filter"))))
        let report: ContainersPruneReport = try context.client.call(request)
        let deleted = report.containersDeleted ?? []
        if !deleted.isEmpty { Output.line((["Deleted Containers:"] + deleted).joined(separator: "\n") + "\n") }
        Output.line("Total reclaimed space: \(ByteSize.describe(report.spaceReclaimed))")
        return 0
    }
}
