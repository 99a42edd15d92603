// WorkerMain owns the life of a worker process: `caisd unpack-worker MODE`, with the archive on
// descriptor 0, the target directory on 3, and its report going to 1. It is started by
// UnpackWorker, lives for one archive, and trusts neither the archive nor itself.
import CLinux
import Faults
import Linux
import OCISpec

/// What a worker is started for.
package enum WorkerMode: String, Sendable {
    /// Unpack a layer into the directory.
    case layer
    /// Split an image archive into files of the directory.
    case split
}

/// Descriptors a worker is born with.
enum WorkerDescriptor {
    static let archive: CInt = 0
    static let report: CInt = 1
    static let target: CInt = 3
}

/// The hidden verb `unpack-worker`. Must be called before any other thread exists.
/// - Returns: the exit code: 0 when the last line of the report is a success.
package func runUnpackWorker(arguments: [String]) -> Int32 {
    do throws(Fault) {
        guard let mode = arguments.first.flatMap(WorkerMode.init(rawValue:)) else {
            throw Fault(.invalidArgument, "unpack-worker wants one of: layer, split")
        }
        try say(try work(mode))
        return 0
    } catch {
        // Nobody to tell when this fails too: the missing last line says it.
        try? say(.error(WorkerFailure(error)))
        return 1
    }
}

private func work(_ mode: WorkerMode) throws(Fault) -> WorkerReport {
    cais_close_range(UInt32(WorkerDescriptor.target) + 1, .max, 0)
    // A worker must not outlive the daemon that waits for it.
    _ = cais_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0, 0, 0)
    // Pax names are UTF-8; without such a locale libarchive cannot hand them out.
    setlocale(LC_CTYPE, "C.UTF-8")
    let limits = ArchiveLimits()
    switch mode {
    case .layer:
        try confine(to: WorkerDescriptor.target, keeping: .makeAnyFile)
        return .layer(try unpackLayer(from: WorkerDescriptor.archive, into: WorkerDescriptor.target, limits: limits))
    case .split:
        try confine(to: WorkerDescriptor.target, keeping: .none)
        let stream = try openStream(WorkerDescriptor.archive, limits)
        let splitter = ArchiveSplitter(directory: WorkerDescriptor.target, limits: limits)
        let result = try splitter.split(stream) { (report) throws(Fault) in try say(report) }
        try stream.drain()
        return .finished(result)
    }
}

/// Unpacks the layer that `archive` holds into the directory `target`, in this process.
package func unpackLayer(from archive: CInt, into target: CInt, limits: ArchiveLimits) throws(Fault) -> UnpackedLayer {
    let stream = try openStream(archive, limits)
    let tar = try TarReader(stream, limits: limits)
    let unpacker = LayerUnpacker(root: target, limits: limits)
    try unpacker.unpack(tar)
    try stream.drain()
    return UnpackedLayer(
        diffID: "sha256:" + stream.digestHex(), size: unpacker.fileBytes, entries: tar.entries, streamBytes: stream.bytes)
}

/// The uncompressed, digested stream of a descriptor.
private func openStream(_ descriptor: CInt, _ limits: ArchiveLimits) throws(Fault) -> DigestingSource {
    let file = FileSource(descriptor: descriptor)
    let magic = try file.peek(Compression.magicBytes)
    guard !magic.isEmpty else { throw Fault(.invalidArgument, "the archive is empty") }
    let compression = Compression(magic: magic)
    let plain: any ByteSource = compression == .none ? file : try Decompressor(file, compression)
    return DigestingSource(plain, compressed: file, limits: limits)
}

private func say(_ report: WorkerReport) throws(Fault) {
    let line = try JSON.encode(report) + [0x0a]
    var sent = 0
    while sent < line.count {
        sent += try kernel("report") { () throws(Errno) in
            try call { line.withUnsafeBytes { write(WorkerDescriptor.report, $0.baseAddress! + sent, $0.count - sent) } }
        }
    }
}
