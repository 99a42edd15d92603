import CLinux

// Diagnostics is the shim's own voice: standard error, as whoever started it has left it.

/// Warnings that concern nobody in particular.
enum Diagnostics {
    /// Writes a constant message and what it is about.
    static func warn(_ message: StaticString, _ detail: String) {
        let line = Array("cais-shim: \(message): \(detail)\n".utf8)
        // Nobody may be reading; there is no second place to say it.
        _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }
}
