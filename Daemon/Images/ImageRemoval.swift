// ImageRemoval owns taking away names and images. A name goes alone while others remain; the image
// goes with its last name, and with it whatever only it needed.
import EngineAPI
import EngineStore
import Faults
import OCISpec

extension ImageService {
    /// Gives the image that `source` names one more name, taking it from whatever had it.
    package func tag(_ source: String, repository: String, tag: String?) async throws(Fault) {
        var target = try ImageReference(parsing: repository)
        guard target.digest == nil else { throw Fault(.invalidArgument, "refusing to create a tag with a digest reference") }
        if let tag, !tag.isEmpty { target = try target.tagged(tag) }
        let name = target.withDefaultTag
        let id = try await change { () throws(Fault) -> Digest in
            let image = try self.table.withLock { $0 }.resolve(source).image
            _ = try self.save(image, references: [name])
            return image.record.id
        }
        publish("tag", id, name: name.familiar)
    }

    /// Removes a name, or the image with all of its names.
    /// - Parameters:
    ///   - force: also the names of an image in use, and an image that a stopped container uses.
    ///   - prune: accepted as docker's `noprune` negated: there are no untagged parents here.
    /// - Throws: `.conflict` in docker's words where the image is in use.
    package func remove(_ reference: String, force: Bool, prune: Bool = true) async throws(Fault) -> [ImageDeleteItem] {
        let usage = await usage()
        let removal = try await change { () throws(Fault) in try self.removeNow(reference, force: force, usage) }
        for (action, name) in removal.events { publish(action, removal.id, name: name) }
        return removal.items
    }

    /// Removes images that nobody uses: untagged ones, or with `dangling=false` all.
    package func prune(filters: Filters = Filters()) async throws(Fault) -> ImagesPruneReport {
        try filters.requireOnly(["dangling", "label", "label!", "until"])
        let onlyDangling = try filters.bool("dangling") ?? true
        var rest = Filters(filters.values.filter { $0.key != "dangling" })
        if onlyDangling { rest.add("dangling", "true") }
        let table = table.withLock { $0 }
        let selection = try ImageSelection(rest, table)
        let usage = await usage()
        var report = ImagesPruneReport()
        var items: [ImageDeleteItem] = []
        for image in table.images.values where selection.admits(image, table) && usage[image.record.id.description] == nil {
            let id = image.record.id
            // It may have got a name or a user meanwhile: then it stays.
            let removal = try? await change { () throws(Fault) -> Removal in
                guard !onlyDangling || self.table.withLock({ $0.tags(of: id) }).isEmpty else { throw ImageTable.missing(id.description) }
                var removal = Removal(id: id)
                try self.removeImage(id, &removal)
                return removal
            }
            guard let removal else { continue }
            for (action, name) in removal.events { publish(action, id, name: name) }
            items += removal.items
            report.spaceReclaimed += removal.bytesFreed
        }
        report.imagesDeleted = items.isEmpty ? nil : items
        return report
    }

    func usage() async -> [String: [ImageUse]] {
        guard let users = users.withLock({ $0 }) else { return [:] }
        return await users.imagesInUse()
    }

    // MARK: - On the thread for waiting

    /// What a removal did.
    struct Removal: Sendable {
        var id: Digest
        var items: [ImageDeleteItem] = []
        var events: [(action: String, name: String)] = []
        var bytesFreed: Int64 = 0

        init(id: Digest) { self.id = id }

        mutating func untagged(_ reference: ImageReference) {
            var item = ImageDeleteItem()
            item.untagged = reference.familiar
            items.append(item)
            events.append(("untag", reference.familiar))
        }

        mutating func deleted(_ what: Digest) {
            var item = ImageDeleteItem()
            item.deleted = what.description
            items.append(item)
        }
    }

    private func removeNow(_ text: String, force: Bool, _ usage: [String: [ImageUse]]) throws(Fault) -> Removal {
        let table = table.withLock { $0 }
        let (image, match) = try table.resolve(text)
        let id = image.record.id
        let users = usage[id.description] ?? []
        let references = table.references(to: id)
        var removal = Removal(id: id)
        switch match {
        case .reference(let reference):
            // The last name of an image in use: without it the image would be left nameless.
            if !force, let user = users.first, ImageService.isSingle(references) {
                throw Fault(
                    .conflict,
                    "conflict: unable to remove repository reference \"\(text)\" (must force) - container \(short(user.container)) is using its referenced image \(id.short)")
            }
            let gone = ImageService.goneWith(reference, of: references)
            let rest = references.filter { !gone.contains($0) }
            let inUse = users.contains(where: \.isRunning) || (!force && !users.isEmpty)
            if !rest.isEmpty || inUse {
                try forget(gone)
                for reference in gone { removal.untagged(reference) }
                return removal
            }
        case .id:
            if let user = users.first(where: \.isRunning) { throw conflict(id, hard: true, "image is being used by running container \(short(user.container))") }
            if !force, let user = users.first { throw conflict(id, hard: false, "image is being used by stopped container \(short(user.container))") }
            if !force, !ImageService.isSingle(references) { throw conflict(id, hard: false, "image is referenced in multiple repositories") }
        }
        try removeImage(id, &removal)
        return removal
    }

    /// Removes the record with all its names, then what nobody needs any more. The record goes
    /// first: a crash after it leaves orphans, which the next start sweeps.
    private func removeImage(_ id: Digest, _ removal: inout Removal) throws(Fault) {
        let table = table.withLock { $0 }
        guard let image = table.images[id] else { throw ImageTable.missing(id.description) }
        let references = table.references(to: id)
        try store.transaction { (transaction) throws(Fault) in
            try transaction.delete(.images, id.description)
            for reference in references { try transaction.delete(.references, reference.description) }
        }
        self.table.withLock { table in
            for reference in references { table.remove(reference) }
            table.remove(id)
        }
        for reference in references { removal.untagged(reference) }
        removal.deleted(id)
        removal.events.append(("delete", id.description))
        let needed = try partsInUse()
        for layer in image.record.layers.reversed() where !needed.layers.contains(layer.diffID) {
            try layers.delete(layer.diffID)
            removal.deleted(layer.diffID)
            removal.bytesFreed += layer.size
        }
        for blob in image.record.blobs where !needed.blobs.contains(blob) { try content.delete(blob) }
    }

    private func forget(_ references: [ImageReference]) throws(Fault) {
        try store.transaction { (transaction) throws(Fault) in
            for reference in references { try transaction.delete(.references, reference.description) }
        }
        table.withLock { table in for reference in references { table.remove(reference) } }
    }

    private func conflict(_ id: Digest, hard: Bool, _ reason: String) -> Fault {
        Fault(.conflict, "conflict: unable to delete \(id.short) (\(hard ? "cannot be forced" : "must be forced")) - \(reason)")
    }

    private func short(_ container: String) -> String { String(container.prefix(ContainerID.shortLength)) }

    /// Whether removing one name may mean removing the image: at most one tag, all in one repository.
    static func isSingle(_ references: [ImageReference]) -> Bool {
        references.filter { $0.tag != nil }.count <= 1 && Set(references.map(\.canonicalName)).count <= 1
    }

    /// A tag takes along the digests of its repository when it was the repository's last tag.
    static func goneWith(_ reference: ImageReference, of references: [ImageReference]) -> [ImageReference] {
        let others = references.filter { $0 != reference && $0.canonicalName == reference.canonicalName }
        guard reference.tag != nil, !others.contains(where: { $0.tag != nil }) else { return [reference] }
        return [reference] + others
    }
}
