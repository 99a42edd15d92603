import CLICore
import EngineAPI
import Faults
import Flags
import OCISpec

// version, info, events, network ls.
extension Commands {
    static func version(_ context: Context) throws(Fault) -> Int32 {
        var failure: Fault?
        var server: JSONValue?
        do throws(Fault) {
            server = try JSON.decode(JSONValue.self, from: try context.client.raw(Request("GET", "/version")))
        } catch { failure = error }
        let text = context.arguments.string("format")
        // Without an engine the version is our own; with one, what both can speak.
        let spoken = failure == nil ? try context.client.negotiatedVersion() : APIVersion.current
        let client = VersionReport.client(spoken)
        if !text.isEmpty {
            let report = JSONValue.object([JSONMember(name: "Client", value: client), JSONMember(name: "Server", value: server ?? .null)])
            Output.line(try Template(parsing: text == "json" ? "{{json .}}" : text).render(report))
        } else {
            Output.text(VersionReport.text(client: client, server: server))
        }
        guard let failure else { return 0 }
        Output.error(failure.description)
        return 1
    }

    static func info(_ context: Context) throws(Fault) -> Int32 {
        let text = context.arguments.string("format")
        let bytes = try context.client.raw(Request("GET", "/info"))
        if !text.isEmpty {
            let client = JSONValue.object([
                JSONMember(name: "Version", value: .string(Product.version)), JSONMember(name: "ApiVersion", value: .string("\(try context.client.negotiatedVersion())")),
            ])
            guard case .object(let members) = try JSON.decode(JSONValue.self, from: bytes) else { throw Fault(.failed, "the daemon's answer is no object") }
            let report = JSONValue.object(members + [JSONMember(name: "ClientInfo", value: client)])
            Output.line(try Template(parsing: text == "json" ? "{{json .}}" : text).render(report))
            return 0
        }
        let info = try JSON.decode(SystemInfo.self, from: bytes)
        Output.text(InfoReport.text(info))
        for warning in info.warnings ?? [] { Output.error(warning) }
        return 0
    }

    static func events(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        var query: [(name: String, value: String)] = []
        if arguments.isSet("since") { query.append(("since", try moment(arguments.string("since")))) }
        if arguments.isSet("until") { query.append(("until", try moment(arguments.string("until")))) }
        query += try self.query(try filters(arguments.strings("filter")))
        let format = arguments.string("format")
        let template = try format.isEmpty || format == "json" ? nil : Template(parsing: format)
        let exchange = try context.client.stream(Request("GET", "/events", query: query))
        var buffer: [UInt8] = []
        while let piece = try exchange.next() {
            buffer += piece
            while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(buffer[..<end])
                buffer.removeSubrange(...end)
                if !line.isEmpty { try print(line, template, isJSON: format == "json") }
            }
        }
        return 0
    }

    private static func print(_ line: [UInt8], _ template: Template?, isJSON: Bool) throws(Fault) {
        if isJSON { return Output.write(line + [UInt8(ascii: "\n")], to: 1) }
        if let template { return Output.line(try template.render(try JSON.decode(JSONValue.self, from: line))) }
        let event = try JSON.decode(EventMessage.self, from: line)
        var text = "\(LocalTime.event(nanoseconds: event.timeNano)) \(event.type) \(event.action) \(event.actor.id)"
        let attributes = event.actor.attributes.sorted { $0.key < $1.key }
        if !attributes.isEmpty { text += " (" + attributes.map { "\($0.key)=\($0.value)" }.joined(separator: ", ") + ")" }
        Output.line(text)
    }

    static func networks(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        let request = Request("GET", "/networks", query: try query(try filters(arguments.strings("filter"))))
        let networks: [NetworkResource] = try context.client.call(request)
        var listing = Rows.networks()
        listing.rows = networks.sorted { $0.name < $1.name }.map { Rows.network($0, truncates: !arguments.bool("no-trunc")) }
        Output.text(try listing.render(format: arguments.string("format"), quietField: arguments.bool("quiet") ? "ID" : nil))
        return 0
    }
}
