// ImageQueries owns what the engine tells about images: list, inspect, history. It reads the
// published table and never waits for a change.
import EngineAPI
import EngineStore
import Faults
import OCISpec

extension ImageService {
    /// The images of a listing, newest first.
    /// - Parameters:
    ///   - all: accepted for old clients: there are no intermediate images here.
    ///   - sharedSize: whether to add up what each image shares with others.
    package func list(all: Bool = false, filters: Filters = Filters(), sharedSize: Bool = false) async throws(Fault) -> [ImageSummary] {
        try filters.requireOnly(["dangling", "label", "before", "since", "until", "reference"])
        let table = table.withLock { $0 }
        let selection = try ImageSelection(filters, table)
        let usage = sharedSize ? layerUsage(table) : [:]
        return table.images.values.filter { selection.admits($0, table) }
            .sorted { (createdSeconds($0), $0.record.id.hex) > (createdSeconds($1), $1.record.id.hex) }
            .map { summary($0, table, selection, usage) }
    }

    /// Everything about the image that `reference` names.
    package func inspect(_ reference: String) async throws(Fault) -> ImageInspect {
        let table = table.withLock { $0 }
        let image = try table.resolve(reference).image
        var answer = ImageInspect()
        answer.id = image.record.id.description
        answer.repoTags = table.tags(of: image.record.id)
        answer.repoDigests = table.digests(of: image.record.id)
        answer.comment = image.config.comment ?? image.config.history?.last?.comment ?? ""
        answer.created = image.config.created
        answer.dockerVersion = image.config.dockerVersion ?? ""
        answer.author = image.config.author ?? ""
        answer.config = try containerConfig(image.config.config)
        answer.architecture = image.config.architecture
        answer.variant = image.config.variant
        answer.os = image.config.os
        answer.osVersion = image.config.osVersion
        answer.size = image.record.size
        answer.virtualSize = image.record.size
        answer.graphDriver = driverData(of: image.record)
        answer.rootFS.type = "layers"
        answer.rootFS.layers = image.record.layers.map(\.diffID.description)
        let tagged = table.references.values.filter { $0.image == image.record.id }.map(\.taggedAt).max()
        answer.metadata.lastTagTime = tagged.map { Timestamp(nanoseconds: $0).description }
        return answer
    }

    /// How the image was made, the last step first.
    package func history(_ reference: String) async throws(Fault) -> [ImageHistoryItem] {
        let table = table.withLock { $0 }
        let image = try table.resolve(reference).image
        var sizes = image.record.layers.map(\.size)[...]
        var items: [ImageHistoryItem] = []
        for step in image.config.history ?? [] {
            var item = ImageHistoryItem()
            item.id = "<missing>"
            item.created = seconds(step.created)
            item.createdBy = step.createdBy ?? ""
            item.comment = step.comment ?? ""
            if step.emptyLayer != true { item.size = sizes.popFirst() ?? 0 }
            items.append(item)
        }
        // An image without a history still has layers to tell of.
        for size in sizes {
            var item = ImageHistoryItem()
            item.id = "<missing>"
            item.size = size
            items.append(item)
        }
        if items.isEmpty { items.append(ImageHistoryItem()) }
        items[items.count - 1].id = image.record.id.description
        let tags = table.tags(of: image.record.id)
        items[items.count - 1].tags = tags.isEmpty ? nil : tags
        return items.reversed()
    }

    // MARK: - Parts of answers

    private func summary(_ image: StoredImage, _ table: ImageTable, _ selection: ImageSelection, _ usage: [Digest: Int]) -> ImageSummary {
        var answer = ImageSummary()
        answer.id = image.record.id.description
        answer.containers = -1
        answer.created = createdSeconds(image)
        answer.labels = image.config.config?.labels
        answer.repoTags = selection.shown(table.tags(of: image.record.id))
        answer.repoDigests = table.digests(of: image.record.id)
        answer.size = image.record.size
        answer.virtualSize = image.record.size
        answer.sharedSize = usage.isEmpty ? -1 : image.record.layers.filter { (usage[$0.diffID] ?? 0) > 1 }.reduce(0) { $0 + $1.size }
        return answer
    }

    /// How many images have each layer.
    private func layerUsage(_ table: ImageTable) -> [Digest: Int] {
        table.images.values.flatMap { Set($0.record.layers.map(\.diffID)) }.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    /// Both types have docker's member names: one is written and the other read.
    private func containerConfig(_ execution: ImageConfig.Execution?) throws(Fault) -> ContainerConfig {
        guard let execution else { return ContainerConfig() }
        return try JSON.decode(ContainerConfig.self, from: try JSON.encode(execution))
    }

    private func driverData(of record: ImageRecord) -> DriverData {
        var data = DriverData()
        data.name = "overlay2"
        var paths: [String: String] = [:]
        if let top = record.layers.last { paths["UpperDir"] = layers.tree(of: top.diffID) }
        let lower = record.layers.dropLast().reversed().map { layers.tree(of: $0.diffID) }
        if !lower.isEmpty { paths["LowerDir"] = lower.joined(separator: ":") }
        data.data = paths
        return data
    }
}

/// When an image was made, in seconds since 1970; 0 where it does not say.
func createdSeconds(_ image: StoredImage) -> Int64 { seconds(image.config.created) }

private func seconds(_ text: String?) -> Int64 {
    // A time that cannot be read is no time: a listing must not fail on it.
    text.flatMap { try? Timestamp(parsing: $0).seconds } ?? 0
}
