// ImageImport owns `import`: the tar of a root file system becomes an image of one layer.
import EngineAPI
import EngineStore
import Faults
import Linux
import OCISpec
import Snapshots

/// What an import is told beside the tar.
package struct ImportRequest: Sendable {
    /// The name of the new image; none where empty.
    package var repository = ""
    /// Its tag; `latest` where empty.
    package var tag = ""
    /// The comment of its history.
    package var message = ""
    /// Instructions of a Dockerfile that preset its configuration.
    package var changes: [String] = []
    /// What it runs on; this machine where absent.
    package var platform: Platform?

    package init() {}

    fileprivate func reference() throws(Fault) -> ImageReference? {
        guard !repository.isEmpty else { return nil }
        let name = try ImageReference(parsing: repository)
        guard name.digest == nil else { throw Fault(.invalidArgument, "cannot import digest reference") }
        return try (tag.isEmpty ? name : name.tagged(tag)).withDefaultTag
    }
}

extension ImageService {
    /// Makes an image from the tar of a root file system, plain or compressed, and returns its ID.
    /// The last message of the progress is the ID.
    package func importTar(body: @escaping Body, request: ImportRequest, progress: @escaping Progress) async throws(Fault) -> String {
        let reference = try request.reference()
        let execution = try ImageChanges.apply(request.changes, to: ImageConfig.Execution())
        return try await loads.pass { () throws(Fault) in
            let id = try await importNow(body, request, execution, reference)
            await progress(.status(id.description))
            return id.description
        }
    }

    private func importNow(
        _ body: @escaping Body, _ request: ImportRequest, _ execution: ImageConfig.Execution, _ reference: ImageReference?
    ) async throws(Fault) -> Digest {
        let blob = try await receive(body)
        leases.withLock { $0.take(blobs: [blob], layers: []) }
        defer { leases.withLock { $0.give(blobs: [blob], layers: []) } }
        do throws(Fault) {
            let staged = try await BlockingPool.shared.run { () throws(Fault) in
                try self.layers.unpack(try self.content.open(blob), expecting: nil)
            }
            let config = self.config(request, execution, diffID: staged.info.diffID)
            let id = try await change { () throws(Fault) in try self.commit(config, staged, blob: blob, reference) }
            publish("import", id, name: reference?.familiar ?? id.description)
            return id
        } catch {
            leases.withLock { $0.give(blobs: [blob], layers: []) }
            defer { leases.withLock { $0.take(blobs: [blob], layers: []) } }
            try? await change { () throws(Fault) in try self.sweepOrphans() }
            throw error
        }
    }

    private func receive(_ body: Body) async throws(Fault) -> Digest {
        let ingest = try await BlockingPool.shared.run { () throws(Fault) in try self.content.begin() }
        while true {
            let chunk: [UInt8]?
            do { chunk = try await body() } catch { throw Fault((error as? Fault)?.kind ?? .failed, "the archive broke off: \(error)") }
            guard let chunk else { break }
            try await BlockingPool.shared.run { () throws(Fault) in try ingest.append(chunk) }
        }
        return try await BlockingPool.shared.run { () throws(Fault) in try ingest.finish() }
    }

    private func config(_ request: ImportRequest, _ execution: ImageConfig.Execution, diffID: Digest) -> ImageConfig {
        let platform = (request.platform ?? .host).normalized
        let now = Timestamp.now().description
        let comment = request.message.isEmpty ? "Imported from -" : request.message
        return ImageConfig(
            created: now, architecture: platform.architecture, variant: platform.variant, os: platform.os, config: execution,
            rootfs: ImageConfig.RootFS(diffIDs: [diffID]), history: [ImageConfig.History(created: now, comment: comment)],
            comment: comment)
    }

    private func commit(_ config: ImageConfig, _ staged: StagedLayer, blob: Digest, _ reference: ImageReference?) throws(Fault) -> Digest {
        do throws(Fault) { try layers.commit([staged]) } catch {
            layers.discard(staged)
            throw error
        }
        let id = try content.write(try JSON.encode(config))
        try content.settle()
        let layer = ImageRecord.Layer(diffID: staged.info.diffID, blob: blob, size: staged.info.size)
        let record = ImageRecord(id: id, layers: [layer], addedAt: Timestamp.now().nanoseconds)
        _ = try save(StoredImage(record: record, config: config), references: reference.map { [$0] } ?? [])
        return id
    }
}
