// ImageLoad owns `load`: an archive arrives as a stream, is split by a worker while it arrives, and
// becomes images only when all of them are whole and on disk.
import Archive
import CLinux
import Content
import EngineAPI
import EngineStore
import Faults
import Linux
import OCISpec
import Snapshots

extension ImageService {
    /// The next bytes of a request's body; nil at its end.
    package typealias Body = @Sendable () async throws -> [UInt8]?
    /// Where progress goes, a message at a time.
    package typealias Progress = @Sendable (JSONMessage) async -> Void

    /// Loads the images of an archive (Docker's or an OCI image layout, plain or compressed).
    /// - Parameters:
    ///   - body: the archive's bytes; asked for one piece at a time.
    ///   - platform: only images for this one; this machine's where an index offers several.
    ///   - quiet: whether to leave out the progress of single layers.
    ///   - progress: receives docker's messages, the last of each image being `Loaded image: …`.
    /// - Throws: why nothing of the archive was loaded.
    package func load(body: @escaping Body, platform: Platform? = nil, quiet: Bool = false, progress: @escaping Progress) async throws(Fault) {
        try await loads.pass { () throws(Fault) in try await loadNow(body, platform, quiet: quiet, progress) }
    }

    private func loadNow(_ body: @escaping Body, _ platform: Platform?, quiet: Bool, _ progress: @escaping Progress) async throws(Fault) {
        let stage = try await BlockingPool.shared.run { () throws(Fault) in try self.content.stage() }
        let result: Result<Void, Fault>
        do throws(Fault) {
            let layout = try await split(body, into: stage)
            let images = try await BlockingPool.shared.run { () throws(Fault) in try self.read(layout, in: stage, platform: platform) }
            for image in images { try await add(image, from: stage, quiet: quiet, progress: progress) }
            result = .success(())
        } catch { result = .failure(error) }
        // What is left in there is of no use to anybody; the next start sweeps what cannot be removed.
        try? await BlockingPool.shared.run { () throws(Fault) in try? Files.removeTree(stage) }
        try result.get()
    }

    // MARK: - Splitting

    /// Feeds the body to a worker that writes each entry to a file in `stage`.
    private func split(_ body: @escaping Body, into stage: String) async throws(Fault) -> ArchiveLayout {
        let ends: (left: CInt, right: CInt)
        do { ends = try UnixSocket.pair().split() } catch { throw Fault(.failed, "make a socket: \(error)", errno: error.rawValue) }
        let worker = worker
        async let layout = BlockingPool.shared.run { () throws(Fault) -> ArchiveLayout in
            try collectEntries(worker, archive: FileDescriptor(owning: ends.right), stage: stage)
        }
        let fed = await feed(body, to: ends.left)
        close(ends.left)
        let result: Result<ArchiveLayout, Fault>
        do { result = .success(try await layout) } catch { result = .failure(error as? Fault ?? Fault(.failed, "\(error)")) }
        // A body that broke off explains a broken archive better than the archive does.
        if let failure = fed { throw failure }
        return try result.get()
    }

    /// Returns why the body ended early; nil when it was read to its end or the worker had enough.
    private func feed(_ body: Body, to socket: CInt) async -> Fault? {
        while true {
            let chunk: [UInt8]?
            do { chunk = try await body() } catch { return Fault((error as? Fault)?.kind ?? .failed, "the archive broke off: \(error)") }
            guard let chunk else { return nil }
            do throws(Fault) { try await BlockingPool.shared.run { () throws(Fault) in try sendAll(chunk, on: socket) } } catch { return nil }
        }
    }

    private func read(_ layout: ArchiveLayout, in stage: String, platform: Platform?) throws(Fault) -> [ArchivedImage] {
        try layout.images(
            platform: platform,
            read: { (file) throws(Fault) in
                try readFile("\(stage)/\(file.file)")
            },
            // Missing in the store as well: the archive's fault is the one to tell.
            stored: { try? self.content.read($0, limit: ArchiveLayout.documentBytesMax) })
    }

    // MARK: - Adding

    private func add(_ image: ArchivedImage, from stage: String, quiet: Bool, progress: @escaping Progress) async throws(Fault) {
        let blobs = image.blobs
        let trees = image.config.rootfs.diffIDs
        leases.withLock { $0.take(blobs: blobs, layers: trees) }
        defer { leases.withLock { $0.give(blobs: blobs, layers: trees) } }
        let staged = try await unpackMissing(image, from: stage, quiet: quiet, progress: progress)
        let renamed: [ImageReference]
        do throws(Fault) {
            renamed = try await change { () throws(Fault) in try self.commit(image, staged, from: stage) }
        } catch {
            await discard(staged)
            // Layers may have got their names before the records failed: nobody needs them now.
            leases.withLock { $0.give(blobs: blobs, layers: trees) }
            defer { leases.withLock { $0.take(blobs: blobs, layers: trees) } }
            try? await change { () throws(Fault) in try self.sweepOrphans() }
            throw error
        }
        for reference in renamed {
            await progress(.stream("The image \(reference.familiar) already exists, renaming the old one to empty string\n"))
        }
        publish("load", image.id, name: image.references.first?.familiar ?? image.id.description)
        let named = image.references.filter { $0.tag != nil }
        for reference in named { await progress(.stream("Loaded image: \(reference.familiar)\n")) }
        if named.isEmpty { await progress(.stream("Loaded image ID: \(image.id)\n")) }
    }

    /// Unpacks the layers that are not here, two at a time: more than there are disks and cores for
    /// would only seek.
    private func unpackMissing(_ image: ArchivedImage, from stage: String, quiet: Bool, progress: @escaping Progress) async throws(Fault) -> [StagedLayer] {
        var wanted: [(source: ArchivedImage.LayerSource, diffID: Digest)] = []
        for (source, diffID) in zip(image.layers, image.config.rootfs.diffIDs) {
            if layers.contains(diffID) || wanted.contains(where: { $0.diffID == diffID }) { continue }
            wanted.append((source, diffID))
        }
        let outcome = await withTaskGroup(of: Result<StagedLayer, Fault>.self) { group in
            var next = wanted.makeIterator()
            func start() async {
                guard let (source, diffID) = next.next() else { return }
                let total = self.size(of: source)
                if !quiet { await progress(.status("Loading layer", id: diffID.short, current: 0, total: total)) }
                group.addTask {
                    let result = await self.unpack(source, diffID, from: stage)
                    if !quiet, case .success = result { await progress(.status("Loading layer", id: diffID.short, current: total, total: total)) }
                    return result
                }
            }
            for _ in 0..<2 { await start() }
            var done: [StagedLayer] = []
            var failure: Fault?
            while let result = await group.next() {
                switch result {
                case .success(let layer): done.append(layer)
                case .failure(let fault): failure = failure ?? fault
                }
                if failure == nil { await start() }
            }
            return (done: done, failure: failure)
        }
        guard let failure = outcome.failure else { return outcome.done }
        await discard(outcome.done)
        throw failure
    }

    private func unpack(_ source: ArchivedImage.LayerSource, _ diffID: Digest, from stage: String) async -> Result<StagedLayer, Fault> {
        do throws(Fault) {
            return .success(
                try await BlockingPool.shared.run { () throws(Fault) -> StagedLayer in
                    try within("layer \(diffID.short)") { () throws(Fault) in
                        try self.layers.unpack(try self.open(source, in: stage), expecting: diffID)
                    }
                })
        } catch { return .failure(error) }
    }

    private func open(_ source: ArchivedImage.LayerSource, in stage: String) throws(Fault) -> FileDescriptor {
        switch source {
        case .file(let file): try openFile("\(stage)/\(file.file)")
        case .blob(let digest): try content.open(digest)
        }
    }

    private func size(of source: ArchivedImage.LayerSource) -> Int64 {
        switch source {
        case .file(let file): file.size
        case .blob(let digest): content.size(of: digest) ?? 0
        }
    }

    private func discard(_ staged: [StagedLayer]) async {
        // A directory that cannot be removed is swept at the next start.
        try? await BlockingPool.shared.run { () throws(Fault) in for layer in staged { self.layers.discard(layer) } }
    }

    // MARK: - Committing

    /// Gives everything its name: blobs and layers first, then the record and the references, in
    /// one transaction. Returns references that named another image before.
    private func commit(_ image: ArchivedImage, _ staged: [StagedLayer], from stage: String) throws(Fault) -> [ImageReference] {
        try layers.commit(staged)
        if staged.isEmpty { try content.synchronize() }
        var records: [ImageRecord.Layer] = []
        for (source, diffID) in zip(image.layers, image.config.rootfs.diffIDs) {
            guard let info = layers.info(diffID) else { throw Fault(.failed, "layer \(diffID) is missing") }
            records.append(ImageRecord.Layer(diffID: diffID, blob: try adopt(source, from: stage), size: info.size))
        }
        guard try content.write(image.configBytes) == image.id else { throw Fault(.failed, "configuration \(image.id) is damaged") }
        if let manifest = image.manifest {
            guard try content.write(manifest.bytes) == manifest.digest else { throw Fault(.failed, "manifest \(manifest.digest) is damaged") }
        }
        try content.settle()
        let record = ImageRecord(id: image.id, manifest: image.manifest?.digest, layers: records, addedAt: Timestamp.now().nanoseconds)
        return try save(StoredImage(record: record, config: image.config), references: image.references)
    }

    private func adopt(_ source: ArchivedImage.LayerSource, from stage: String) throws(Fault) -> Digest? {
        switch source {
        case .blob(let digest): return content.contains(digest) ? digest : nil
        case .file(let file):
            let digest = try Digest(parsing: file.digest)
            if !content.contains(digest) { try content.adopt("\(stage)/\(file.file)", as: digest) }
            return digest
        }
    }

    /// Stores an image's record and references, and shows them. Only within ``change(_:)``.
    func save(_ image: StoredImage, references: [ImageReference]) throws(Fault) -> [ImageReference] {
        let before = table.withLock { $0 }
        let id = image.record.id
        var image = image
        // Loading an image again keeps when it came first, and the manifest it came with.
        if let known = before.images[id]?.record {
            image.record.addedAt = known.addedAt
            image.record.manifest = image.record.manifest ?? known.manifest
        }
        let now = Timestamp.now().nanoseconds
        let pointer = ReferenceRecord(image: id, taggedAt: now)
        let document = try JSON.encode(image.record)
        let pointerDocument = try JSON.encode(pointer)
        try store.transaction { (transaction) throws(Fault) in
            try transaction.put(.images, id.description, document)
            for reference in references { try transaction.put(.references, reference.description, pointerDocument) }
        }
        let stored = image
        table.withLock { table in
            table.add(stored)
            for reference in references { table.point(reference, at: pointer) }
        }
        return references.filter { before.references[$0].map { $0.image != id } ?? false }
    }
}

extension ArchivedImage {
    /// The blobs that the image's record will name.
    fileprivate var blobs: [Digest] {
        var digests = [id]
        if let manifest { digests.append(manifest.digest) }
        for layer in layers {
            switch layer {
            case .file(let file):
                // The worker computed it: it cannot be malformed. If it were, adopting it would say so.
                if let digest = try? Digest(parsing: file.digest) { digests.append(digest) }
            case .blob(let digest): digests.append(digest)
            }
        }
        return digests
    }
}

private func collectEntries(_ worker: UnpackWorker, archive: consuming FileDescriptor, stage: String) throws(Fault) -> ArchiveLayout {
    let target = try openDirectory(stage)
    var layout = ArchiveLayout()
    _ = try worker.split(from: archive, into: target) { (report) throws(Fault) in layout.add(report) }
    return layout
}

private func readFile(_ path: String) throws(Fault) -> [UInt8] {
    do { return try Files.read(path, limit: ArchiveLayout.documentBytesMax) } catch {
        throw Fault(.failed, "read \(path): \(error)", errno: error.rawValue)
    }
}

func openDirectory(_ path: String) throws(Fault) -> FileDescriptor {
    do { return try Files.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW) } catch {
        throw Fault(.failed, "open \(path): \(error)", errno: error.rawValue)
    }
}

func openFile(_ path: String) throws(Fault) -> FileDescriptor {
    do { return try Files.open(path, flags: O_RDONLY | O_NOFOLLOW) } catch {
        throw Fault(.failed, "open \(path): \(error)", errno: error.rawValue)
    }
}

/// Sends without SIGPIPE: the worker may be gone.
private func sendAll(_ bytes: [UInt8], on socket: CInt) throws(Fault) {
    var sent = 0
    while sent < bytes.count {
        let count = bytes.withUnsafeBytes { send(socket, $0.baseAddress! + sent, $0.count - sent, CInt(MSG_NOSIGNAL)) }
        if count >= 0 { sent += count } else if Errno.current != .interrupted {
            throw Fault(.failed, "send: \(Errno.current)", errno: Errno.current.rawValue)
        }
    }
}
