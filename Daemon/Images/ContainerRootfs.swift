// ContainerRootfs owns what containers ask of images: which one is meant, and a root file system on
// it. The container's writable layer remembers its layers, so that it works on when the image goes.
import EngineAPI
import EngineStore
import Faults
import OCISpec
import Snapshots

extension ImageService {
    /// The image that `reference` names: its ID, the name it is known by, its configuration.
    /// - Throws: `.notFound`: `No such image: x:latest`.
    package func image(_ reference: String) async throws(Fault) -> (id: String, reference: String, config: ImageConfig) {
        let image = try table.withLock { $0 }.resolve(reference).image
        return (image.record.id.description, reference, image.config)
    }

    /// Makes the writable layer of a container on an image; one that is there is kept.
    package func prepareRootfs(_ id: ContainerID, image: String) async throws(Fault) {
        // A removal takes the image out of the table before it looks who needs its layers: whoever
        // found the image holds them from that moment on.
        let stack = try table.withLock { (table) throws(Fault) -> [Digest] in
            let stack = try table.resolve(image).image.record.layers.map(\.diffID)
            leases.withLock { $0.take(blobs: [], layers: stack) }
            return stack
        }
        defer { leases.withLock { $0.give(blobs: [], layers: stack) } }
        try await BlockingPool.shared.run { () throws(Fault) in try self.rootfs.prepare(id.text, on: stack) }
    }

    /// Mounts a container's file system at `path`; done where it is mounted already.
    package func mountRootfs(_ id: ContainerID, image: String, at path: String) async throws(Fault) {
        let isPrepared = try await BlockingPool.shared.run { () throws(Fault) in self.rootfs.isPrepared(id.text) }
        // Lost with the machine's power before it was on disk: it was empty then.
        if !isPrepared { try await prepareRootfs(id, image: image) }
        try await BlockingPool.shared.run { () throws(Fault) in try self.rootfs.mount(id.text, at: path) }
    }

    /// Unmounts what is mounted at `path`; done where nothing is.
    package func unmountRootfs(at path: String) async throws(Fault) {
        try await BlockingPool.shared.run { () throws(Fault) in try OverlayMount.unmount(path) }
    }

    /// Removes a container's writable layer, and layers that only it still needed; missing is done.
    package func removeRootfs(_ id: ContainerID) async throws(Fault) {
        let below = try await BlockingPool.shared.run { () throws(Fault) -> Set<Digest> in
            let below = try self.rootfs.layers(of: id.text)
            try self.rootfs.remove(id.text)
            return below
        }
        // Nearly always the image is still there, and nothing more is to be done.
        let kept = table.withLock { Set($0.images.values.flatMap { $0.record.layers.map(\.diffID) }) }
        if below.isSubset(of: kept) { return }
        try await change { () throws(Fault) in try self.sweepOrphans() }
    }

    /// Bytes of a container's writable layer, and of it with its image.
    package func sizes(_ id: ContainerID, image: String) async throws(Fault) -> (writable: Int64, total: Int64) {
        let below = table.withLock { $0 }
        // The image may be gone while the container is not: then only its own bytes are known.
        let size = (try? below.resolve(image).image.record.size) ?? 0
        let writable = try await BlockingPool.shared.run { () throws(Fault) in try self.rootfs.size(of: id.text) }
        return (writable, writable + size)
    }
}
