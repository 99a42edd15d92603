// ImageService owns which images the engine has. Records are in the store, blobs in Content, trees
// in Snapshots; this class keeps them in step: nothing is named before all of it is on disk, and
// nothing is taken away while a name, an image or a container needs it.
import Archive
import Content
import EngineAPI
import EngineEvents
import EngineStore
import Faults
import Logging
import OCISpec
import Snapshots
import Synchronization

/// The images of the engine.
package final class ImageService: Sendable {
    let content: ContentStore
    let layers: LayerStore
    let rootfs: WritableLayers
    let store: EngineStore
    let worker: UnpackWorker
    let events: EventBus
    let log: Logger
    let users = Mutex<(any ImageUsers)?>(nil)
    /// What listings and look-ups read; replaced after each change, never waited for.
    let table = Mutex(ImageTable())
    /// Held on a thread for waiting while records, blobs or layers change.
    let changes = Mutex(())
    /// The most loads and imports at once; each holds up to two of the pool's threads.
    static let loadsMax = 8
    let loads = Gate(count: ImageService.loadsMax)
    /// Blobs and layers that a load is about to need: nobody takes them away meanwhile.
    let leases = Mutex(Leases())

    /// Opens the images below `dataRoot`. Blocks; puts right what an earlier run left half-done.
    /// - Parameter worker: how layers are unpacked; the default is this program's own hidden verb.
    package init(
        dataRoot: String, store: EngineStore, events: EventBus, worker: UnpackWorker = UnpackWorker(), log: Logger
    ) throws(Fault) {
        content = try ContentStore(root: "\(dataRoot)/content")
        layers = try LayerStore(root: "\(dataRoot)/layers", worker: worker)
        rootfs = try WritableLayers(root: "\(dataRoot)/containers", layers: layers)
        self.store = store
        self.worker = worker
        self.events = events
        self.log = log
        try restore()
    }

    /// Says who knows which containers use an image. Until then none does.
    package func setUsers(_ users: any ImageUsers) { self.users.withLock { $0 = users } }

    /// How many images there are.
    package var count: Int { table.withLock { $0.images.count } }

    // MARK: - Start

    /// Reads the records, leaves out images that are damaged, and sweeps what nobody names.
    private func restore() throws(Fault) {
        try content.sweep()
        try layers.sweep()
        var found = ImageTable()
        for (key, document) in try store.all(.images) {
            do throws(Fault) { found.add(try image(from: document)) } catch {
                // One damaged image must not keep the engine from starting: it is named and left out.
                log.error("image is damaged and left out", metadata: ["image": "\(key)", "error": "\(error)"])
            }
        }
        for (key, document) in try store.all(.references) {
            do throws(Fault) {
                let record = try JSON.decode(ReferenceRecord.self, from: document)
                guard found.images[record.image] != nil else { continue }
                found.point(try ImageReference(parsing: key), at: record)
            } catch { log.error("image reference is damaged and left out", metadata: ["reference": "\(key)", "error": "\(error)"]) }
        }
        let ready = found
        table.withLock { $0 = ready }
        // With the records lost everything would look like an orphan.
        if store.quarantined == nil { try sweepOrphans() } else { try recover() }
    }

    /// Makes records anew from the configurations among the blobs, for images whose layers are all
    /// unpacked. Their names went with the records.
    private func recover() throws(Fault) {
        for blob in try content.list() where (content.size(of: blob) ?? .max) <= ImageService.recoverableBytesMax {
            // Most blobs are no configurations: those are not meant here.
            guard let config = try? JSON.decode(ImageConfig.self, from: try content.read(blob)), !config.rootfs.diffIDs.isEmpty else { continue }
            let known = config.rootfs.diffIDs.compactMap(layers.info)
            guard known.count == config.rootfs.diffIDs.count else { continue }
            let record = ImageRecord(
                id: blob, layers: known.map { ImageRecord.Layer(diffID: $0.diffID, blob: nil, size: $0.size) }, addedAt: Timestamp.now().nanoseconds)
            _ = try save(StoredImage(record: record, config: config), references: [])
            log.warning("image was found again without its names", metadata: ["image": "\(blob)"])
        }
    }

    /// The largest blob that is looked at as a configuration: 1 MiB.
    private static let recoverableBytesMax: Int64 = 1 << 20

    private func image(from document: [UInt8]) throws(Fault) -> StoredImage {
        let record = try JSON.decode(ImageRecord.self, from: document)
        let config = try JSON.decode(ImageConfig.self, from: try content.read(record.id))
        for layer in record.layers where !layers.contains(layer.diffID) {
            throw Fault(.failed, "layer \(layer.diffID) is missing")
        }
        return StoredImage(record: record, config: config)
    }

    // MARK: - What is needed

    /// Removes blobs and layers that no image, container or running load needs. The records of
    /// damaged images are read from the store, so that their parts stay for a repair.
    func sweepOrphans() throws(Fault) {
        let needed = try partsInUse()
        for blob in try content.list() where !needed.blobs.contains(blob) { try content.delete(blob) }
        for layer in try layers.list() where !needed.layers.contains(layer) { try layers.delete(layer) }
    }

    func partsInUse() throws(Fault) -> (blobs: Set<Digest>, layers: Set<Digest>) {
        let leased = leases.withLock { ($0.blobs.keys, $0.layers.keys) }
        var blobs = Set(leased.0)
        var trees = Set(leased.1)
        trees.formUnion(try rootfs.layersInUse())
        for (key, document) in try store.all(.images) {
            // Unreadable: then there is nothing that could be kept for it but its configuration.
            guard let record = try? JSON.decode(ImageRecord.self, from: document) else {
                if let id = try? Digest(parsing: key) { blobs.insert(id) }
                continue
            }
            blobs.formUnion(record.blobs)
            trees.formUnion(record.layers.map(\.diffID))
        }
        return (blobs, trees)
    }

    // MARK: - Changes

    /// Runs `body` alone on a thread for waiting.
    func change<R: Sendable>(_ body: @escaping @Sendable () throws(Fault) -> R) async throws(Fault) -> R {
        try await BlockingPool.shared.run { () throws(Fault) -> R in
            try self.changes.withLock { (_) throws(Fault) -> R in try body() }
        }
    }

    /// Tells the world what happened to an image.
    func publish(_ action: String, _ id: Digest, name: String) {
        var event = EventMessage()
        let now = Timestamp.now()
        event.type = "image"
        event.action = action
        event.status = action
        event.id = id.description
        event.actor.id = id.description
        let labels = table.withLock { $0.images[id]?.config.config?.labels } ?? [:]
        event.actor.attributes = labels.merging(["name": name]) { _, new in new }
        event.scope = "local"
        event.time = now.seconds
        event.timeNano = now.nanoseconds
        events.publish(event)
    }
}

/// Counts of who is about to need a blob or a layer.
struct Leases: Sendable {
    private(set) var blobs: [Digest: Int] = [:]
    private(set) var layers: [Digest: Int] = [:]

    mutating func take(blobs taken: some Sequence<Digest>, layers trees: some Sequence<Digest>) {
        for blob in taken { blobs[blob, default: 0] += 1 }
        for layer in trees { layers[layer, default: 0] += 1 }
    }

    mutating func give(blobs given: some Sequence<Digest>, layers trees: some Sequence<Digest>) {
        for blob in given { blobs[blob] = (blobs[blob] ?? 1) > 1 ? blobs[blob]! - 1 : nil }
        for layer in trees { layers[layer] = (layers[layer] ?? 1) > 1 ? layers[layer]! - 1 : nil }
    }
}
