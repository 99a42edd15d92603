// What happened in the engine, as clients see it.

/// One event. `status`, `id` and `from` repeat the rest for old clients.
public struct EventMessage: Codable, Hashable, Sendable {
    /// The action, for containers and images.
    @OmitZero public var status: String
    /// The actor's ID, for containers and images.
    @OmitZero public var id: String
    /// The container's image.
    @OmitZero public var from: String
    /// `container`, `image`, `network`, `volume`, `daemon`.
    @Zero public var type: String
    /// What happened.
    @Zero public var action: String
    /// To what.
    @Zero public var actor: EventActor
    /// `local`.
    @Zero public var scope: String
    /// Seconds since 1970.
    @Zero public var time: Int64
    /// Nanoseconds since 1970.
    @Zero public var timeNano: Int64

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case status, id, from, scope, time, timeNano
        case type = "Type"
        case action = "Action"
        case actor = "Actor"
    }
}

/// What an event happened to.
public struct EventActor: Codable, Hashable, Sendable {
    /// ID, or a reference for images.
    @Zero public var id: String
    /// Name, image, labels, exit code and so on.
    @Zero public var attributes: [String: String]

    /// The zero value; set what you need.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
        case attributes = "Attributes"
    }
}
