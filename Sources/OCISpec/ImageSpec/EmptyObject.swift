/// The value of a JSON object that is used as a set: `{"80/tcp": {}}`. Members are ignored.
public struct EmptyObject: Codable, Hashable, Sendable {
    /// The only value.
    public init() {}
}
