import EngineAPI
import Faults
import OCISpec

/// Which images a listing or a prune is about: the filters of a request, read once.
struct ImageSelection: Sendable {
    private let filters: Filters
    private let dangling: Bool?
    private let before: Int64?
    private let since: Int64?
    private let until: Int64?
    private let patterns: [String]

    /// Reads filters; images they name must exist.
    init(_ filters: Filters, _ table: ImageTable) throws(Fault) {
        self.filters = filters
        dangling = try filters.bool("dangling")
        before = try ImageSelection.moment(filters.get("before"), table)
        since = try ImageSelection.moment(filters.get("since"), table)
        until = try filters.get("until").first.map { (text) throws(Fault) in try ImageSelection.past(text) }
        patterns = filters.get("reference")
    }

    /// Whether the image is meant.
    func admits(_ image: StoredImage, _ table: ImageTable) -> Bool {
        let tags = table.tags(of: image.record.id)
        if let dangling, dangling != tags.isEmpty { return false }
        let created = createdSeconds(image)
        if let before, created >= before { return false }
        if let since, created <= since { return false }
        if let until, created > until { return false }
        guard filters.matchesLabels("label", image.config.config?.labels) else { return false }
        // Only a prune sends this one.
        if filters.contains("label!"), filters.matchesLabels("label!", image.config.config?.labels) { return false }
        return patterns.isEmpty || (tags + table.digests(of: image.record.id)).contains(where: matches)
    }

    /// The tags that a listing shows: with a `reference` filter only those that match it.
    func shown(_ tags: [String]) -> [String] { patterns.isEmpty ? tags : tags.filter(matches) }

    private func matches(_ familiar: String) -> Bool {
        // A pattern without a tag is about the name alone.
        let name = familiar.split(separator: "@")[0]
        let slash = name.lastIndex(of: "/") ?? name.startIndex
        let bare = name[slash...].lastIndex(of: ":").map { String(name[..<$0]) } ?? String(name)
        return patterns.contains { Glob.matches($0, familiar) || Glob.matches($0, bare) || Glob.matches($0, String(name)) }
    }

    private static func moment(_ names: [String], _ table: ImageTable) throws(Fault) -> Int64? {
        guard let name = names.first else { return nil }
        return createdSeconds(try table.resolve(name).image)
    }

    /// A moment, or a time that long ago (`24h`).
    private static func past(_ text: String) throws(Fault) -> Int64 {
        // Not a length of time: then it must be a moment.
        if let nanoseconds = try? GoDuration.nanoseconds(text) { return Timestamp.now().seconds - nanoseconds / 1_000_000_000 }
        return try Timestamp(parsing: text).seconds
    }
}

/// Shell patterns over paths: `*` and `?` stop at a slash, `[a-z]` is a set.
enum Glob {
    /// Whether the whole of `text` is what `pattern` describes.
    static func matches(_ pattern: String, _ text: String) -> Bool {
        var failed: Set<Place> = []
        return matches(Array(pattern.utf8)[...], Array(text.utf8)[...], &failed)
    }

    /// A pair of positions known not to match: with them remembered many stars cost no more than few.
    private struct Place: Hashable {
        let pattern: Int
        let text: Int
    }

    private static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>, _ failed: inout Set<Place>) -> Bool {
        let place = Place(pattern: pattern.startIndex, text: text.startIndex)
        if failed.contains(place) { return false }
        let found = walk(pattern, text, &failed)
        if !found { failed.insert(place) }
        return found
    }

    private static func walk(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>, _ failed: inout Set<Place>) -> Bool {
        var pattern = pattern
        var text = text
        while let first = pattern.first {
            switch first {
            case UInt8(ascii: "*"):
                let rest = pattern.drop { $0 == UInt8(ascii: "*") }
                let span = text.prefix { $0 != UInt8(ascii: "/") }
                for index in span.startIndex...span.endIndex where matches(rest, text[index...], &failed) { return true }
                return false
            case UInt8(ascii: "?"):
                guard let next = text.first, next != UInt8(ascii: "/") else { return false }
                pattern = pattern.dropFirst()
            case UInt8(ascii: "["):
                guard let next = text.first, let end = pattern.dropFirst().firstIndex(of: UInt8(ascii: "]")),
                    contains(next, in: pattern[(pattern.startIndex + 1)..<end])
                else { return false }
                pattern = pattern[(end + 1)...]
            case let literal:
                guard text.first == literal else { return false }
                pattern = pattern.dropFirst()
            }
            text = text.dropFirst()
        }
        return text.isEmpty
    }

    private static func contains(_ byte: UInt8, in set: ArraySlice<UInt8>) -> Bool {
        let negated = set.first == UInt8(ascii: "^")
        let members = Array(negated ? set.dropFirst() : set)
        var index = 0
        while index < members.count {
            if index + 2 < members.count, members[index + 1] == UInt8(ascii: "-") {
                if members[index] <= byte && byte <= members[index + 2] { return !negated }
                index += 3
            } else {
                if members[index] == byte { return !negated }
                index += 1
            }
        }
        return negated
    }
}
