import CArchive
import Faults

/// Walks the entries of a tar stream (ustar, pax, GNU) through libarchive. It decides nothing: names
/// and numbers are handed out as the archive states them, to be judged by who uses them.
package final class TarReader {
    private let bridge: ReadBridge
    private let archive: OpaquePointer
    private let limits: ArchiveLimits
    /// How many entries were handed out.
    package private(set) var entries = 0

    /// Starts reading `source`.
    /// - Throws: `.invalidArgument` for bytes that are no tar archive.
    package init(_ source: any ByteSource, limits: ArchiveLimits) throws(Fault) {
        bridge = ReadBridge(source)
        archive = try newArchive()
        self.limits = limits
        archive_read_support_format_tar(archive)
        guard bridge.open(archive) == ARCHIVE_OK else { throw bridge.fault(archive, "this is no tar archive") }
    }

    deinit { archive_read_free(archive) }

    /// The next entry's header, `nil` after the last; valid until the next call.
    package func next() throws(Fault) -> TarEntry? {
        var entry: OpaquePointer?
        switch archive_read_next_header(archive, &entry) {
        case ARCHIVE_OK, ARCHIVE_WARN: break
        case ARCHIVE_EOF: return nil
        default: throw bridge.fault(archive, entries == 0 ? "this is no tar archive" : "read entry \(entries + 1)")
        }
        entries += 1
        guard entries <= limits.entriesMax else { throw Fault(.tooLarge, "the archive has more than \(limits.entriesMax) entries") }
        return try TarEntry(entry!, limits: limits)
    }

    /// Hands out the current entry's data: pieces in order, each with its offset; what is between
    /// them is a hole.
    package func eachBlock(_ body: (UnsafeRawBufferPointer, Int64) throws(Fault) -> Void) throws(Fault) {
        while true {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: la_int64_t = 0
            switch archive_read_data_block(archive, &start, &count, &offset) {
            case ARCHIVE_OK, ARCHIVE_WARN: try body(UnsafeRawBufferPointer(start: start, count: count), offset)
            case ARCHIVE_EOF: return
            default: throw bridge.fault(archive, "read the data")
            }
        }
    }
}

/// What one entry claims to be.
package struct TarEntry {
    /// The kinds of thing an entry can stand for.
    package enum Kind: Sendable, Hashable {
        case file(bytes: Int64)
        case directory
        case symbolicLink(target: [UInt8])
        case hardLink(target: [UInt8])
        case characterDevice(major: UInt32, minor: UInt32)
        case blockDevice(major: UInt32, minor: UInt32)
        case fifo
        case socket
    }

    /// The name as stated, not yet judged.
    package let name: [UInt8]
    /// What it is.
    package let kind: Kind
    /// Permission bits with set-user, set-group and sticky.
    package let mode: UInt32
    /// The owner.
    package let uid: UInt32
    /// The owner's group.
    package let gid: UInt32
    /// Seconds and nanoseconds of the last change.
    package let modified: (seconds: Int, nanoseconds: Int)
    /// Extended attributes, name and value.
    package let attributes: [(name: String, value: [UInt8])]

    init(_ entry: OpaquePointer, limits: ArchiveLimits) throws(Fault) {
        guard let path = archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry) else {
            throw Fault(.invalidArgument, "an entry's name cannot be decoded")
        }
        name = bytes(path)
        kind = try TarEntry.kind(of: entry, name: name, limits: limits)
        mode = UInt32(archive_entry_perm(entry)) & 0o7777
        uid = try TarEntry.identifier(archive_entry_uid(entry), of: name)
        gid = try TarEntry.identifier(archive_entry_gid(entry), of: name)
        modified = (Int(archive_entry_mtime(entry)), Int(archive_entry_mtime_nsec(entry)))
        attributes = try TarEntry.attributes(of: entry, name: name, limits: limits)
    }

    private static func kind(of entry: OpaquePointer, name: [UInt8], limits: ArchiveLimits) throws(Fault) -> Kind {
        if let target = archive_entry_hardlink(entry) ?? archive_entry_hardlink_utf8(entry) { return .hardLink(target: bytes(target)) }
        let major = UInt32(truncatingIfNeeded: archive_entry_rdevmajor(entry))
        let minor = UInt32(truncatingIfNeeded: archive_entry_rdevminor(entry))
        switch archive_entry_filetype(entry) {
        case 0o100000:
            let size = archive_entry_size(entry)
            guard size >= 0 && size <= limits.fileBytesMax else {
                throw Fault(.tooLarge, "\(display(name)) is larger than \(limits.fileBytesMax) bytes")
            }
            return .file(bytes: size)
        case 0o040000: return .directory
        case 0o120000:
            guard let target = archive_entry_symlink(entry) ?? archive_entry_symlink_utf8(entry) else {
                throw Fault(.invalidArgument, "the target of \(display(name)) cannot be decoded")
            }
            return .symbolicLink(target: bytes(target))
        case 0o020000: return .characterDevice(major: major, minor: minor)
        case 0o060000: return .blockDevice(major: major, minor: minor)
        case 0o010000: return .fifo
        case 0o140000: return .socket
        default: throw Fault(.invalidArgument, "\(display(name)) is of a kind no file system knows")
        }
    }

    /// Owners are 32 bits wide, and the last number means "no change" to the kernel.
    private static func identifier(_ value: la_int64_t, of name: [UInt8]) throws(Fault) -> UInt32 {
        guard let number = UInt32(exactly: value), number != .max else {
            throw Fault(.invalidArgument, "\(display(name)) has an owner outside 0 to 4294967294")
        }
        return number
    }

    private static func attributes(
        of entry: OpaquePointer, name: [UInt8], limits: ArchiveLimits
    ) throws(Fault) -> [(name: String, value: [UInt8])] {
        guard archive_entry_xattr_reset(entry) > 0 else { return [] }
        var found: [(name: String, value: [UInt8])] = []
        var key: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var count = 0
        while archive_entry_xattr_next(entry, &key, &value, &count) == ARCHIVE_OK, let key {
            guard found.count < limits.attributesMax, count <= limits.attributeBytesMax else {
                throw Fault(.tooLarge, "\(display(name)) has too many or too large extended attributes")
            }
            found.append((String(cString: key), Array(UnsafeRawBufferPointer(start: value, count: count))))
        }
        return found
    }
}

private func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: text, count: length(text)))
}

private func length(_ text: UnsafePointer<CChar>) -> Int {
    var count = 0
    while text[count] != 0 { count += 1 }
    return count
}

/// A name from an archive as it may be shown: no control characters, not longer than a line.
func display(_ name: [UInt8]) -> String {
    let shown = String(decoding: name.prefix(160), as: UTF8.self).unicodeScalars.map {
        $0.value < 0x20 || $0.value == 0x7f ? "?" : String($0)
    }
    return "\"\(shown.joined())\(name.count > 160 ? "…" : "")\""
}
