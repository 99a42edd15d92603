// ArchiveLayout owns reading what an image archive says it holds: Docker's manifest.json, or an OCI
// image layout's index.json. It is given small documents and names, and does no I/O of its own.
import Archive
import Faults
import OCISpec
import Snapshots

/// An image that an archive describes, before anything of it is believed.
struct ArchivedImage: Sendable {
    /// Where a layer's tar is.
    enum LayerSource: Sendable, Hashable {
        /// A file of the archive.
        case file(SplitFile)
        /// A blob of this digest that the archive leaves out.
        case blob(Digest)
    }

    /// The configuration, byte for byte.
    var configBytes: [UInt8]
    /// The same, read.
    var config: ImageConfig
    /// The configuration's digest: the image's ID.
    var id: Digest
    /// The manifest's bytes, where there is one that names digests.
    var manifest: (digest: Digest, bytes: [UInt8])?
    /// What the archive calls it.
    var references: [ImageReference]
    /// Its layers, lowest first, as many as the configuration has diff IDs.
    var layers: [LayerSource]
}

/// The entries of an archive, by name.
struct ArchiveLayout: Sendable {
    /// The most bytes of a JSON document of an archive: 8 MiB.
    static let documentBytesMax = 8 << 20
    /// The most images of one archive.
    static let imagesMax = 1_000
    /// How deep indexes may lie in indexes.
    static let indexDepthMax = 4

    private(set) var files: [String: SplitFile] = [:]
    private var links: [String: String] = [:]

    mutating func add(_ report: WorkerReport) {
        switch report {
        case .file(let file):
            files[file.name] = file
            links[file.name] = nil
        case .link(let link):
            links[link.name] = link.target
            files[link.name] = nil
        case .layer, .finished, .error: break
        }
    }

    /// The file behind a name, through at most a few links.
    func file(_ name: String) -> SplitFile? {
        var name = cleaned(name)
        for _ in 0..<8 {
            if let file = files[name] { return file }
            guard let target = links[name] else { return nil }
            name = target
        }
        return nil
    }

    /// Reads what images the archive holds.
    /// - Parameter read: the bytes of one of its files.
    func images(
        platform: Platform?, read: @escaping (SplitFile) throws(Fault) -> [UInt8], stored: @escaping (Digest) -> [UInt8]?
    ) throws(Fault) -> [ArchivedImage] {
        let reader = Reader(layout: self, read: read, stored: stored, wanted: platform)
        if let manifest = file("manifest.json") {
            return try within("manifest.json") { () throws(Fault) in try reader.dockerImages(manifest) }
        }
        if let index = file("index.json") {
            return try within("index.json") { () throws(Fault) in try reader.layoutImages(index) }
        }
        throw Fault(.invalidArgument, "the archive holds no image: neither manifest.json nor index.json is in it")
    }

    private func cleaned(_ name: String) -> String {
        name.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}

/// One line of Docker's manifest.json.
private struct DockerManifestItem: Decodable {
    var config: String
    var repoTags: [String]?
    var layers: [String]?

    private enum CodingKeys: String, CodingKey {
        case config = "Config"
        case repoTags = "RepoTags"
        case layers = "Layers"
    }
}

private struct Reader {
    let layout: ArchiveLayout
    let read: (SplitFile) throws(Fault) -> [UInt8]
    let stored: (Digest) -> [UInt8]?
    let wanted: Platform?

    // MARK: - Docker's

    func dockerImages(_ manifest: SplitFile) throws(Fault) -> [ArchivedImage] {
        let items = try JSON.decode([DockerManifestItem].self, from: try document(manifest))
        guard items.count <= ArchiveLayout.imagesMax else { throw Fault(.tooLarge, "more than \(ArchiveLayout.imagesMax) images") }
        var images: [ArchivedImage] = []
        for item in items {
            let image = try within("image \(item.config)") { () throws(Fault) in try dockerImage(item) }
            if let wanted, !runs(image.config, on: wanted) { continue }
            images.append(image)
        }
        if let wanted, images.isEmpty, !items.isEmpty {
            throw Fault(.notFound, "no image of the archive is for platform \(wanted)")
        }
        return images
    }

    private func dockerImage(_ item: DockerManifestItem) throws(Fault) -> ArchivedImage {
        guard let file = layout.file(item.config) else { throw Fault(.invalidArgument, "the archive lacks its configuration") }
        var sources: [ArchivedImage.LayerSource] = []
        for name in item.layers ?? [] {
            guard let layer = layout.file(name) else { throw Fault(.invalidArgument, "the archive lacks layer \(name)") }
            sources.append(.file(layer))
        }
        var references: [ImageReference] = []
        for text in item.repoTags ?? [] {
            let reference = try ImageReference(parsing: text)
            guard reference.tag != nil else { throw Fault(.invalidArgument, "invalid tag \"\(text)\"") }
            references.append(reference)
        }
        return try image(config: file, manifest: nil, references: references, layers: sources)
    }

    // MARK: - OCI's

    func layoutImages(_ index: SplitFile) throws(Fault) -> [ArchivedImage] {
        let root = try JSON.decode(ImageIndex.self, from: try document(index))
        guard root.manifests.count <= ArchiveLayout.imagesMax else { throw Fault(.tooLarge, "more than \(ArchiveLayout.imagesMax) images") }
        var images: [ArchivedImage] = []
        for descriptor in root.manifests where descriptor.isImage {
            let chosen = try manifest(descriptor, depth: 0)
            guard let chosen else {
                let platform = wanted ?? .host
                throw Fault(.notFound, "\(descriptor.digest) holds no image for platform \(platform)")
            }
            images.append(try layoutImage(chosen, named: descriptor))
        }
        guard !images.isEmpty else { throw Fault(.invalidArgument, "the index names no image") }
        return images
    }

    /// The manifest that a descriptor means on this machine, going into indexes.
    private func manifest(_ descriptor: Descriptor, depth: Int) throws(Fault) -> Descriptor? {
        guard descriptor.mediaType.isIndex else { return descriptor }
        guard depth < ArchiveLayout.indexDepthMax else { throw Fault(.invalidArgument, "indexes lie too deep in one another") }
        let index = try JSON.decode(ImageIndex.self, from: try blob(descriptor))
        // An exact variant comes before one that merely runs.
        let candidates = index.manifests.filter { $0.isImage && ($0.platform.map { $0.runs(on: wanted ?? .host) } ?? true) }
        let exact = candidates.first { $0.platform?.normalized == (wanted ?? .host).normalized }
        guard let next = exact ?? candidates.first else { return nil }
        return try manifest(next, depth: depth + 1)
    }

    private func layoutImage(_ descriptor: Descriptor, named outer: Descriptor) throws(Fault) -> ArchivedImage {
        let bytes = try blob(descriptor)
        let manifest = try within("manifest \(descriptor.digest)") { () throws(Fault) in try JSON.decode(ImageManifest.self, from: bytes) }
        guard manifest.config.mediaType.isConfig else {
            throw Fault(.invalidArgument, "manifest \(descriptor.digest) describes no image but \(manifest.config.mediaType)")
        }
        var sources: [ArchivedImage.LayerSource] = []
        for layer in manifest.layers {
            guard layer.mediaType.isLayer else { throw Fault(.invalidArgument, "layer \(layer.digest) is no layer but \(layer.mediaType)") }
            let name = "blobs/\(layer.digest.algorithm.rawValue)/\(layer.digest.hex)"
            guard let file = layout.file(name) else {
                sources.append(.blob(layer.digest))
                continue
            }
            guard file.size == layer.size, file.digest == layer.digest.description else { throw mismatch(layer) }
            sources.append(.file(file))
        }
        guard let config = layout.file("blobs/\(manifest.config.digest.algorithm.rawValue)/\(manifest.config.digest.hex)") else {
            throw Fault(.invalidArgument, "the archive lacks configuration \(manifest.config.digest)")
        }
        guard config.digest == manifest.config.digest.description else { throw mismatch(manifest.config) }
        var names = try references(of: outer)
        names += names.map { $0.pinned(to: outer.digest) }
        return try image(config: config, manifest: (descriptor.digest, bytes), references: unique(names), layers: sources)
    }

    /// A whole reference where one is written; a bare tag names nothing without a repository.
    private func references(of descriptor: Descriptor) throws(Fault) -> [ImageReference] {
        let annotations = descriptor.annotations ?? [:]
        if let name = annotations[Descriptor.imageNameAnnotation] { return [try ImageReference(parsing: name).withDefaultTag] }
        guard let name = annotations[Descriptor.referenceNameAnnotation], name.contains(where: { $0 == ":" || $0 == "/" }) else { return [] }
        return [try ImageReference(parsing: name).withDefaultTag]
    }

    private func unique(_ references: [ImageReference]) -> [ImageReference] {
        references.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private func blob(_ descriptor: Descriptor) throws(Fault) -> [UInt8] {
        guard let file = layout.file("blobs/\(descriptor.digest.algorithm.rawValue)/\(descriptor.digest.hex)") else {
            if let bytes = stored(descriptor.digest) { return bytes }
            throw Fault(.invalidArgument, "the archive lacks \(descriptor.digest)")
        }
        guard file.size == descriptor.size, file.digest == descriptor.digest.description else { throw mismatch(descriptor) }
        return try document(file)
    }

    private func mismatch(_ descriptor: Descriptor) -> Fault {
        Fault(.invalidArgument, "the content of \(descriptor.digest) has another digest or size than its descriptor says")
    }

    // MARK: - Both

    private func document(_ file: SplitFile) throws(Fault) -> [UInt8] {
        guard file.size <= ArchiveLayout.documentBytesMax else {
            throw Fault(.tooLarge, "\(file.name) has \(file.size) bytes, more than \(ArchiveLayout.documentBytesMax)")
        }
        return try read(file)
    }

    private func image(
        config file: SplitFile, manifest: (Digest, [UInt8])?, references: [ImageReference], layers: [ArchivedImage.LayerSource]
    ) throws(Fault) -> ArchivedImage {
        let bytes = try document(file)
        let config = try within("configuration \(file.name)") { () throws(Fault) in try JSON.decode(ImageConfig.self, from: bytes) }
        guard config.os.isEmpty || config.os == "linux" else {
            throw Fault(.invalidArgument, "cannot load \(config.os) image on linux")
        }
        guard config.rootfs.diffIDs.count == layers.count else {
            throw Fault(.invalidArgument, "invalid manifest, layers length mismatch: expected \(layers.count), got \(config.rootfs.diffIDs.count)")
        }
        guard layers.count <= OverlayPlan.layersMax else {
            throw Fault(.tooLarge, "max depth exceeded: \(layers.count) layers, at most \(OverlayPlan.layersMax)")
        }
        return ArchivedImage(
            configBytes: bytes, config: config, id: try Digest(parsing: file.digest), manifest: manifest, references: references,
            layers: layers)
    }

    private func runs(_ config: ImageConfig, on platform: Platform) -> Bool {
        Platform(os: config.os, architecture: config.architecture, variant: config.variant).runs(on: platform)
    }
}

extension Descriptor {
    /// Whether it can lead to an image: provenance and other attachments of builders cannot.
    fileprivate var isImage: Bool {
        (mediaType.isManifest || mediaType.isIndex) && annotations?["vnd.docker.reference.type"] == nil
            && platform?.architecture != "unknown"
    }
}
