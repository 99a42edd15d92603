import CLICore
import Faults
import OCISpec

/// What can be inspected.
enum Inspectable: String {
    case container, image, network

    var path: String {
        switch self {
        case .container: "containers"
        case .image: "images"
        case .network: "networks"
        }
    }
}

// inspect, of everything or of one kind.
extension Commands {
    static func inspect(_ context: Context, _ allKinds: [Inspectable]) throws(Fault) -> Int32 {
        let arguments = context.arguments
        var kinds = allKinds
        if allKinds.count > 1, arguments.isSet("type") {
            guard let kind = Inspectable(rawValue: arguments.string("type")) else {
                throw Fault(.invalidArgument, "unknown type: \"\(arguments.string("type"))\": must be one of \"container\", \"image\", \"network\"")
            }
            kinds = [kind]
        }
        let size = kinds.contains(.container) && arguments.bool("size")
        var format = arguments.string("format")
        if format == "json" { format = "{{json .}}" }
        let template: Template?
        do throws(Fault) { template = format.isEmpty ? nil : try Template(parsing: format) } catch { throw templateFault(error) }
        var found: [[UInt8]] = []
        var failures: [String] = []
        for name in arguments.positional {
            do throws(Fault) { found.append(try object(context, name, kinds, size: size, isOneKind: allKinds.count == 1)) } catch {
                failures.append(error.description)
                continue
            }
            guard let template, let bytes = found.last else { continue }
            let value = try JSON.decode(JSONValue.self, from: bytes)
            do throws(Fault) { Output.line(try template.render(value)) } catch {
                // docker's inspectors print the line that they could not fill.
                Output.line("")
                throw templateFault(error)
            }
        }
        if template == nil {
            let document = Array("[".utf8) + Array(found.joined(separator: [UInt8(ascii: ",")])) + Array("]".utf8)
            Output.write(JSONLayout.indented(document) + [UInt8(ascii: "\n")], to: 1)
        }
        for failure in failures { Output.error(failure) }
        return failures.isEmpty ? 0 : 1
    }

    private static func templateFault(_ error: Fault) -> Fault { Fault(error.kind, "template parsing error: \(error.reason)") }

    /// The first kind that knows the name.
    private static func object(_ context: Context, _ name: String, _ kinds: [Inspectable], size: Bool, isOneKind: Bool) throws(Fault) -> [UInt8] {
        for kind in kinds {
            let query: [(name: String, value: String)] = kind == .container && size ? [("size", "1")] : []
            let suffix = kind == .network ? "" : "/json"
            do throws(Fault) {
                return try context.client.raw(Request("GET", "/\(kind.path)/\(percentEncoded(name))\(suffix)", query: query))
            } catch {
                guard error.kind == .notFound, kinds.count > 1 else { throw error }
            }
        }
        throw Fault(.notFound, "Error: No such object: \(name)")
    }
}
