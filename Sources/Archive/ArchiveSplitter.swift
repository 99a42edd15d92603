// ArchiveSplitter owns taking an image archive apart while it arrives: each file entry goes once to
// a file of its own, digested on the way, so that a blob is never copied again.
import CLinux
import Crypto
import Faults
import Linux

/// Writes the entries of an archive into one directory, as `0`, `1`, `2` …
package struct ArchiveSplitter {
    /// The most entries of an image archive: images of a few hundred layers stay below a tenth.
    package static let entriesMax = 50_000
    private let directory: CInt
    private let limits: ArchiveLimits

    /// Writes into `directory`, which stays the caller's.
    package init(directory: CInt, limits: ArchiveLimits) {
        self.directory = directory
        var limits = limits
        limits.entriesMax = min(limits.entriesMax, ArchiveSplitter.entriesMax)
        self.limits = limits
    }

    /// Splits `source`, telling each entry to `report`.
    package func split(_ source: any ByteSource, report: (WorkerReport) throws(Fault) -> Void) throws(Fault) -> SplitArchive {
        let tar = try TarReader(source, limits: limits)
        while let entry = try tar.next() {
            do throws(Fault) { try take(entry, tar, number: tar.entries, report) } catch { throw error.within(display(entry.name)) }
        }
        return SplitArchive(entries: tar.entries)
    }

    private func take(
        _ entry: TarEntry, _ tar: TarReader, number: Int, _ report: (WorkerReport) throws(Fault) -> Void
    ) throws(Fault) {
        let path = try EntryPath(entry.name, limits: limits)
        let name = try text(path)
        switch entry.kind {
        case .file: try report(.file(try write(tar, name: name, file: String(number))))
        case .hardLink(let target): try report(.link(SplitLink(name: name, target: try text(EntryPath(target, limits: limits)))))
        case .symbolicLink(let target):
            let whole = path.parent.components.joined(separator: [0x2f]) + [0x2f] + target
            try report(.link(SplitLink(name: name, target: try text(EntryPath(Array(whole), limits: limits)))))
        case .directory, .characterDevice, .blockDevice, .fifo, .socket: return
        }
    }

    private func write(_ tar: TarReader, name: String, file: String) throws(Fault) -> SplitFile {
        let number = try kernel("make a file") { () throws(Errno) in
            try call { cais_openat(directory, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
        }
        let output = FileDescriptor(owning: number)
        var hash = SHA256()
        var position: Int64 = 0
        try tar.eachBlock { (block, offset) throws(Fault) in
            guard offset == position else { throw Fault(.invalidArgument, "has holes") }
            hash.update(bufferPointer: block)
            var done = 0
            while done < block.count {
                done += try kernel("write") { () throws(Errno) in
                    try output.write(UnsafeRawBufferPointer(rebasing: block[done...]))
                }
            }
            position += Int64(block.count)
        }
        return SplitFile(name: name, file: file, digest: "sha256:" + hexText(hash.finalize()), size: position)
    }

    private func text(_ path: EntryPath) throws(Fault) -> String {
        guard let text = String(validating: path.components.joined(separator: [0x2f]), as: UTF8.self) else {
            throw Fault(.invalidArgument, "the name is no text")
        }
        return text
    }
}
