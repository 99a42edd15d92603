// ImageTable owns the look-up of images by whatever people write. It is a value without I/O: the
// service keeps one as the truth's copy in memory and publishes a new one with each change.
import EngineAPI
import Faults
import OCISpec

/// An image that the engine has.
struct StoredImage: Sendable {
    var record: ImageRecord
    var config: ImageConfig
}

/// All images and the references to them.
struct ImageTable: Sendable {
    private(set) var images: [Digest: StoredImage] = [:]
    private(set) var references: [ImageReference: ReferenceRecord] = [:]

    /// The fewest digits of an ID that are looked up.
    static let idDigitsMin = 1

    mutating func add(_ image: StoredImage) { images[image.record.id] = image }

    mutating func point(_ reference: ImageReference, at record: ReferenceRecord) { references[reference] = record }

    mutating func remove(_ reference: ImageReference) { references[reference] = nil }

    mutating func remove(_ image: Digest) { images[image] = nil }

    /// The references to an image, by name.
    func references(to image: Digest) -> [ImageReference] {
        references.filter { $0.value.image == image }.keys.sorted { $0.familiar < $1.familiar }
    }

    /// `name:tag` of an image, by name.
    func tags(of image: Digest) -> [String] { references(to: image).filter { $0.tag != nil }.map(\.familiar) }

    /// `name@digest` of an image, by name.
    func digests(of image: Digest) -> [String] { references(to: image).filter { $0.digest != nil }.map(\.familiar) }

    /// Finds an image by name, tag, digest, full or short ID.
    /// - Throws: `.notFound` in docker's words, `.invalidArgument` for text that names several images.
    func resolve(_ text: String) throws(Fault) -> (image: StoredImage, match: Match) {
        if let id = fullID(text), let image = images[id] { return (image, .id) }
        // Text that is no reference may still be a short ID.
        let reference: ImageReference?
        do { reference = try ImageReference(parsing: text).withDefaultTag } catch {
            if fullID(text) != nil { throw ImageTable.missing(text) }
            throw error
        }
        if let reference {
            if let found = references[key(of: reference)], let image = images[found.image] { return (image, .reference(key(of: reference))) }
        }
        if let image = try byPrefix(text) { return (image, .id) }
        throw ImageTable.missing(reference?.familiar ?? text)
    }

    /// What kind of name found an image.
    enum Match: Sendable, Hashable {
        case reference(ImageReference)
        case id
    }

    /// A digest is more exact than a tag beside it.
    private func key(of reference: ImageReference) -> ImageReference { reference.digest.map(reference.pinned(to:)) ?? reference }

    private func fullID(_ text: String) -> Digest? {
        // Anything else is no full ID: that is the answer wanted here.
        if text.hasPrefix("sha256:") { return try? Digest(parsing: text) }
        return text.utf8.count == 64 ? try? Digest(hex: text) : nil
    }

    private func byPrefix(_ text: String) throws(Fault) -> StoredImage? {
        let digits = text.hasPrefix("sha256:") ? String(text.dropFirst("sha256:".count)) : text
        guard digits.utf8.count >= ImageTable.idDigitsMin, ContainerID.isHexadecimal(digits) else { return nil }
        let found = images.values.filter { $0.record.id.hex.hasPrefix(digits) }
        guard found.count <= 1 else { throw Fault(.invalidArgument, "the image ID \(text) is ambiguous: \(found.count) images begin with it") }
        return found.first
    }

    static func missing(_ text: String) -> Fault { Fault(.notFound, "No such image: \(text)") }
}
