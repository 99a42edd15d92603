// RuntimeFeatures owns the shape of the features document: what a runtime says it can do,
// whatever the machine.

/// What a runtime implements.
public struct RuntimeFeatures: Codable, Hashable, Sendable {
    /// The oldest version of the specification it understands.
    public var ociVersionMin: String
    /// The newest.
    public var ociVersionMax: String
    /// The hooks it runs.
    public var hooks: [String]?
    /// The mount options it knows.
    public var mountOptions: [String]?
    /// What only Linux has.
    public var linux: Linux?
    /// Free metadata.
    public var annotations: [String: String]?
    /// Annotations of a configuration that change what it does.
    public var potentiallyUnsafeConfigAnnotations: [String]?

    /// Makes one from its parts; what is left out is absent.
    public init(
        ociVersionMin: String = RuntimeSpec.versionMin, ociVersionMax: String = RuntimeSpec.versionMax, hooks: [String]? = nil,
        mountOptions: [String]? = nil, linux: Linux? = nil, annotations: [String: String]? = nil,
        potentiallyUnsafeConfigAnnotations: [String]? = nil
    ) {
        self.ociVersionMin = ociVersionMin
        self.ociVersionMax = ociVersionMax
        self.hooks = hooks
        self.mountOptions = mountOptions
        self.linux = linux
        self.annotations = annotations
        self.potentiallyUnsafeConfigAnnotations = potentiallyUnsafeConfigAnnotations
    }
}
