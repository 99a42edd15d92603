/// A container that uses an image.
package struct ImageUse: Sendable, Hashable {
    /// Its ID.
    package var container: String
    /// Whether it runs now (or is paused, or restarting).
    package var isRunning: Bool

    package init(container: String, isRunning: Bool) {
        self.container = container
        self.isRunning = isRunning
    }
}

/// Who uses images; plugged in by the composition root.
package protocol ImageUsers: Sendable {
    /// The containers that use each image, by the image's ID (`sha256:…`).
    func imagesInUse() async -> [String: [ImageUse]]
}
