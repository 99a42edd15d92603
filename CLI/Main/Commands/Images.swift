import CLICore
import EngineAPI
import Faults
import Flags
import Glibc
import Linux
import OCISpec

// images, load, import, tag, rmi, history.
extension Commands {
    static func images(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        var filters = try filters(arguments.strings("filter"))
        if let reference = arguments.positional.first { filters.add("reference", reference) }
        var query: [(name: String, value: String)] = arguments.bool("all") ? [("all", "1")] : []
        query += try self.query(filters)
        let images: [ImageSummary] = try context.client.call(Request("GET", "/images/json", query: query))
        let now = Timestamp.now().seconds
        let digests = arguments.bool("digests")
        let format = arguments.string("format")
        var listing = Rows.images(digests: digests)
        listing.rows = images.flatMap {
            Rows.image($0, truncates: !arguments.bool("no-trunc"), digests: digests || format.contains(".Digest"), now: now)
        }
        Output.text(try listing.render(format: format, quietField: arguments.bool("quiet") ? "ID" : nil))
        return 0
    }

    static func load(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        let path = arguments.string("input")
        if path.isEmpty, Terminal.isTerminal(STDIN_FILENO) { throw Fault(.invalidArgument, "requested load from stdin, but stdin is empty") }
        let file = try path.isEmpty ? nil : InputFile(path)
        let width = Terminal.size(STDOUT_FILENO)?.width
        let quiet = arguments.bool("quiet") || width == nil
        let request = Request(
            "POST", "/images/load", query: [("quiet", quiet ? "1" : "0")],
            body: .stream(descriptor: file?.descriptor.rawValue ?? STDIN_FILENO, contentType: "application/x-tar"))
        let exchange = try context.client.stream(request)
        var printer = ProgressPrinter(terminalWidth: width)
        while let piece = try exchange.next() { try printer.push(piece) }
        return 0
    }

    static func importImage(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        let source = arguments.positional[0]
        if source.contains("://") { throw Fault(.unsupported, "import from \(source): only files and - are served") }
        let file = try source == "-" ? nil : InputFile(source)
        var query: [(name: String, value: String)] = [("fromSrc", "-")]
        if arguments.positional.count > 1 { query.append(("repo", arguments.positional[1])) }
        if arguments.isSet("message") { query.append(("message", arguments.string("message"))) }
        if arguments.isSet("platform") { query.append(("platform", arguments.string("platform"))) }
        for change in arguments.strings("change") { query.append(("changes", change)) }
        let request = Request(
            "POST", "/images/create", query: query,
            body: .stream(descriptor: file?.descriptor.rawValue ?? STDIN_FILENO, contentType: "text/plain"))
        let exchange = try context.client.stream(request)
        var printer = ProgressPrinter(terminalWidth: Terminal.size(STDOUT_FILENO)?.width)
        while let piece = try exchange.next() { try printer.push(piece) }
        return 0
    }

    static func tag(_ context: Context) throws(Fault) -> Int32 {
        let names = context.arguments.positional
        let target: ImageReference
        do throws(Fault) { target = try ImageReference(parsing: names[1]) } catch {
            throw Fault(.invalidArgument, "Error parsing reference: \(quoted(names[1])) is not a valid repository/tag: \(error.reason)")
        }
        guard target.digest == nil else { throw Fault(.invalidArgument, "refusing to create a tag with a digest reference") }
        let query: [(name: String, value: String)] = [("repo", target.familiarName), ("tag", target.tag ?? ImageReference.defaultTag)]
        try context.client.perform(Request("POST", "/images/\(percentEncoded(names[0]))/tag", query: query))
        return 0
    }

    static func removeImage(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        var query: [(name: String, value: String)] = []
        if arguments.bool("force") { query.append(("force", "1")) }
        if arguments.bool("no-prune") { query.append(("noprune", "1")) }
        return context.forEach(arguments.positional, prints: false, forgivesMissing: arguments.bool("force")) { (name) throws(Fault) in
            let items: [ImageDeleteItem] = try context.client.call(Request("DELETE", "/images/\(percentEncoded(name))", query: query))
            for item in items {
                if !item.deleted.isEmpty { Output.line("Deleted: \(item.deleted)") }
                if !item.untagged.isEmpty { Output.line("Untagged: \(item.untagged)") }
            }
        }
    }

    static func history(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        let items: [ImageHistoryItem] = try context.client.call(Request("GET", "/images/\(percentEncoded(arguments.positional[0]))/history"))
        let human = arguments.bool("human")
        let truncates = !arguments.bool("no-trunc")
        let now = Timestamp.now().seconds
        var listing = Listing(
            headers: [("ID", "IMAGE"), ("CreatedSince", human ? "CREATED" : "CREATED AT"), ("CreatedAt", "CREATED AT"), ("CreatedBy", "CREATED BY"), ("Size", "SIZE"), ("Comment", "COMMENT")],
            table: ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"])
        listing.rows = items.map { item in
            let created = Timestamp(seconds: item.created).description
            let since = item.created <= 0 ? "N/A" : HumanTime.describe(seconds: now - item.created) + " ago"
            let by = item.createdBy.replacing("\t", with: " ").trimmed
            return Listing.Row([
                ("ID", truncates ? Rows.short(item.id) : item.id), ("CreatedSince", human ? since : created), ("CreatedAt", created),
                ("CreatedBy", truncates ? by.ellipsized(45) : by), ("Size", human ? HumanSize.describe(item.size) : String(item.size)), ("Comment", item.comment),
            ])
        }
        Output.text(try listing.render(format: arguments.string("format"), quietField: arguments.bool("quiet") ? "ID" : nil))
        return 0
    }
}

/// A file that the user named, open for reading.
final class InputFile {
    let descriptor: FileDescriptor

    init(_ path: String) throws(Fault) {
        do throws(Errno) { descriptor = try Files.open(path) } catch {
            throw Fault(.notFound, "open \(path): \(error.description.prefix(1).lowercased() + error.description.dropFirst())", errno: error.rawValue)
        }
    }
}
