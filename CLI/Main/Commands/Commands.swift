import CLICore
import EngineAPI
import Faults
import Flags

/// The verbs. Each reads its flags, asks the engine and prints; the exit code is what it returns.
enum Commands {
    /// Carries out the verb of `context`.
    static func run(_ context: Context) throws(Fault) -> Int32 {
        switch context.action {
        case .run: try runContainer(context)
        case .create: try createContainer(context)
        case .start: try start(context)
        case .stop: try stop(context)
        case .restart: try restart(context)
        case .kill: kill(context)
        case .wait: wait(context)
        case .attach: try attach(context)
        case .logs: try logs(context)
        case .exec: try exec(context)
        case .remove: remove(context)
        case .rename: try rename(context)
        case .list: try list(context)
        case .containerPrune: try prune(context)
        case .inspect: try inspect(context, [.container, .image, .network])
        case .containerInspect: try inspect(context, [.container])
        case .imageInspect: try inspect(context, [.image])
        case .networkInspect: try inspect(context, [.network])
        case .images: try images(context)
        case .load: try load(context)
        case .importImage: try importImage(context)
        case .tag: try tag(context)
        case .removeImage: try removeImage(context)
        case .history: try history(context)
        case .networks: try networks(context)
        case .version: try version(context)
        case .info: try info(context)
        case .events: try events(context)
        }
    }

    /// The filters of `--filter key=value`, as a query parameter.
    static func filters(_ words: [String]) throws(Fault) -> Filters {
        var filters = Filters()
        for word in words {
            let (key, value) = word.cut("=")
            filters.add(key.trimmed.lowercased(), (value ?? "").trimmed)
        }
        return filters
    }

    /// The parameter `filters`, where there are any.
    static func query(_ filters: Filters) throws(Fault) -> [(name: String, value: String)] {
        filters.isEmpty ? [] : [("filters", try filters.encoded())]
    }

    /// A moment as the API takes it: seconds since 1970 for spans before now, as docker's client
    /// counts them on its own clock.
    /// - Throws: `invalidArgument` for what is neither a span nor a date.
    static func moment(_ text: String) throws(Fault) -> String {
        if let span = try? GoDuration.nanoseconds(text) {  // Not a span: then a date, below.
            let at = Timestamp(nanoseconds: Timestamp.now().nanoseconds - span)
            return seconds(at)
        }
        do throws(Fault) { return seconds(try Timestamp(parsing: text)) } catch {
            throw Fault(.invalidArgument, "failed to parse value as time or duration: \(quoted(text))")
        }
    }

    private static func seconds(_ at: Timestamp) -> String {
        let digits = String(at.nanosecond)
        return "\(at.seconds)." + String(repeating: "0", count: 9 - digits.utf8.count) + digits
    }
}
