import CLinux

/// What a file is, as the type bits of its mode say.
public enum FileKind: Sendable, Hashable {
    case regular, directory, link, characterDevice, blockDevice, fifo, socket

    /// The kernel's bits (S_IFMT).
    public var modeBits: mode_t {
        switch self {
        case .regular: 0o100000
        case .directory: 0o040000
        case .link: 0o120000
        case .characterDevice: 0o020000
        case .blockDevice: 0o060000
        case .fifo: 0o010000
        case .socket: 0o140000
        }
    }

    private static let all: [FileKind] = [.regular, .directory, .link, .characterDevice, .blockDevice, .fifo, .socket]

    /// The kind that a mode means; nil for bits that no kernel sets.
    public init?(mode: mode_t) {
        guard let kind = FileKind.all.first(where: { $0.modeBits == mode & 0o170000 }) else { return nil }
        self = kind
    }
}

extension stat {
    /// What the file is.
    public var kind: FileKind? { FileKind(mode: st_mode) }
}
