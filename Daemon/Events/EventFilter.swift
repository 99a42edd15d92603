// EventFilter owns which events a listener asked for.
import EngineAPI

/// The filters of GET /events with its time span.
package struct EventFilter: Sendable {
    private let filters: Filters
    private let since: Int64
    private let until: Int64

    /// Filter names that are understood.
    package static let known: Set<String> = [
        "container", "daemon", "event", "image", "label", "network", "scope", "type", "volume",
    ]

    /// The filters, and the first and last moment.
    package init(filters: Filters, since: Timestamp? = nil, until: Timestamp? = nil) {
        self.filters = filters
        self.since = since?.nanoseconds ?? .min
        self.until = until?.nanoseconds ?? .max
    }

    /// Whether the listener wants this event.
    package func admits(_ event: EventMessage) -> Bool {
        guard event.timeNano >= since, event.timeNano <= until else { return false }
        return filters.matchesExactly("type", event.type) && filters.matchesExactly("scope", event.scope)
            && admitsAction(event.action) && filters.matchesLabels("label", event.actor.attributes)
            && admitsActor(event, type: .container) && admitsActor(event, type: .network)
            && admitsActor(event, type: .volume) && admitsActor(event, type: .daemon) && admitsImage(event)
    }

    /// `exec_start: sh` is asked for as `exec_start` too.
    private func admitsAction(_ action: String) -> Bool {
        filters.matchesExactly("event", action)
            || filters.get("event").contains { action.hasPrefix($0 + ":") }
    }

    private func admitsActor(_ event: EventMessage, type: EventType) -> Bool {
        let wanted = filters.get(type.rawValue)
        guard !wanted.isEmpty else { return true }
        guard event.type == type.rawValue else {
            // Networks and volumes name the container that they are attached to.
            guard type == .container, let container = event.actor.attributes["container"] else { return false }
            return wanted.contains { container.hasPrefix($0) }
        }
        let name = event.actor.attributes["name"]
        return wanted.contains { event.actor.id.hasPrefix($0) || $0 == name }
    }

    private func admitsImage(_ event: EventMessage) -> Bool {
        let wanted = filters.get("image")
        guard !wanted.isEmpty else { return true }
        let names = [event.actor.id, event.actor.attributes["name"], event.actor.attributes["image"]].compactMap { $0 }
        return wanted.contains { wanted in
            names.contains { $0 == wanted || Self.withoutTag($0) == wanted }
        }
    }

    private static func withoutTag(_ reference: String) -> String {
        guard let colon = reference.lastIndex(of: ":"), !reference[colon...].contains("/") else { return reference }
        return String(reference[..<colon])
    }
}
