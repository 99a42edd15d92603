// How an event is made: the repeated members for old clients and both forms of its time.

/// Kinds of things that events happen to.
public enum EventType: String, Sendable, CaseIterable {
    /// Containers, and execs in them.
    case container
    /// Images and their references.
    case image
    /// Networks and endpoints.
    case network
    /// Volumes.
    case volume
    /// The engine itself.
    case daemon
}

extension EventMessage {
    /// The event `action` on `id`, now. For containers, `attributes` hold `name`, `image` and the labels.
    public init(_ type: EventType, _ action: String, id: String, attributes: [String: String] = [:], at moment: Timestamp = .now()) {
        self.init()
        self.type = type.rawValue
        self.action = action
        actor.id = id
        actor.attributes = attributes
        scope = "local"
        time = moment.seconds
        timeNano = moment.nanoseconds
        if type == .container || type == .image {
            status = action
            self.id = id
        }
        if type == .container { from = attributes["image"] ?? "" }
    }
}
