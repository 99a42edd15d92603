// EntryPlan owns deciding, from an entry's name alone and without any I/O, where in a layer it
// belongs and whether it is a thing or a statement about what lies in the layers below.
import Faults

/// What an entry's name asks for.
package enum EntryPlan: Sendable, Hashable {
    /// A leftover of an older union file system: means nothing here.
    case skip
    /// The layer's root itself.
    case root
    /// `.wh..wh..opq`: nothing of the layers below shows through this directory.
    case opaque(directory: EntryPath)
    /// `.wh.NAME`: the thing of this name in the layers below is gone.
    case whiteout(EntryPath)
    /// A thing at this path.
    case make(EntryPath)

    /// The mark of a whiteout in a name.
    static let whiteoutPrefix = Array(".wh.".utf8)
    /// The mark of names that were the older union file system's own.
    static let metadataPrefix = Array(".wh..wh.".utf8)
    /// The name that makes its directory opaque.
    static let opaqueName = Array(".wh..wh..opq".utf8)

    /// Judges a name.
    /// - Throws: `.invalidArgument` for a name that leaves the root or a whiteout of no single name.
    package init(name: [UInt8], limits: ArchiveLimits) throws(Fault) {
        let path = try EntryPath(name, limits: limits)
        guard let last = path.components.last else {
            self = .root
            return
        }
        for component in path.components.dropLast() where component.starts(with: EntryPlan.whiteoutPrefix) {
            guard component.starts(with: EntryPlan.metadataPrefix) else {
                throw Fault(.invalidArgument, "\(display(name)) lies in a directory with a whiteout's name")
            }
            self = .skip
            return
        }
        if last == EntryPlan.opaqueName {
            self = .opaque(directory: path.parent)
        } else if last.starts(with: EntryPlan.metadataPrefix) {
            self = .skip
        } else if last.starts(with: EntryPlan.whiteoutPrefix) {
            let target = Array(last.dropFirst(EntryPlan.whiteoutPrefix.count))
            guard !target.isEmpty, target != [0x2e], target != [0x2e, 0x2e] else {
                throw Fault(.invalidArgument, "\(display(name)) is a whiteout of no single name")
            }
            self = .whiteout(EntryPath(components: path.parent.components + [target]))
        } else {
            self = .make(path)
        }
    }
}

/// A path inside a layer's root: plain names, no `.`, no `..`, no empty ones.
package struct EntryPath: Sendable, Hashable {
    /// The names from the root down; none for the root itself.
    package let components: [[UInt8]]

    init(components: [[UInt8]]) { self.components = components }

    /// Cleans a name as archives state it: a leading slash means the root, `.` nothing, and `..`
    /// takes back the name before it, as text.
    /// - Throws: `.invalidArgument` where `..` would leave the root, `.tooLarge` beyond the limits.
    package init(_ name: [UInt8], limits: ArchiveLimits) throws(Fault) {
        guard name.count <= limits.pathBytesMax else { throw Fault(.tooLarge, "the name \(display(name)) is longer than \(limits.pathBytesMax) bytes") }
        var components: [[UInt8]] = []
        for part in name.split(separator: 0x2f) {
            if part.elementsEqual([0x2e]) { continue }
            if part.elementsEqual([0x2e, 0x2e]) {
                guard components.popLast() != nil else { throw Fault(.invalidArgument, "\(display(name)) leads outside the root") }
                continue
            }
            guard part.count <= limits.nameBytesMax else {
                throw Fault(.tooLarge, "\(display(name)) has a name longer than \(limits.nameBytesMax) bytes")
            }
            guard !part.contains(0) else { throw Fault(.invalidArgument, "\(display(name)) contains a zero byte") }
            components.append(Array(part))
        }
        guard components.count <= limits.depthMax else {
            throw Fault(.tooLarge, "\(display(name)) lies more than \(limits.depthMax) directories deep")
        }
        self.components = components
    }

    /// The directory it lies in; the root's is the root.
    package var parent: EntryPath { EntryPath(components: Array(components.dropLast())) }

    /// As the kernel takes it: joined by slashes, ended by a zero; `.` for the root.
    var pathText: [CChar] {
        if components.isEmpty { return [0x2e, 0] }
        return components.joined(separator: [0x2f]).map { CChar(bitPattern: $0) } + [0]
    }

    /// For messages.
    var shown: String { display(Array(components.joined(separator: [0x2f]))) }
}

extension [UInt8] {
    /// As the kernel takes a name: ended by a zero.
    var cText: [CChar] { map { CChar(bitPattern: $0) } + [0] }
}

/// Which extended attributes of an image reach the disk. `trusted.*` and `security.*` speak to this
/// machine's kernel (overlayfs reads redirects and opaqueness there, LSMs their labels): an image
/// must not. File capabilities are the one exception, since images rely on them.
func isKept(attribute name: String) -> Bool {
    if name.hasPrefix("user.") { return !name.hasPrefix("user.overlay.") }
    return name == "security.capability" || name == "system.posix_acl_access" || name == "system.posix_acl_default"
}
