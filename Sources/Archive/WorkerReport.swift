// WorkerReport owns what a worker says to the daemon: one JSON object a line on its standard output.
//
//   worker ──► {"file":{…}}      an entry was written (splitting only), any number of times
//          ──► {"link":{…}}      an entry names another one (splitting only)
//          ──► {"layer":{…}}     the layer is unpacked: last line on success
//          ──► {"finished":{…}}  the archive is split: last line on success
//          ──► {"error":{…}}     nothing of it may be used: last line on failure
//
// A worker that ends without a last line failed.
import Faults

/// One line of a worker's report.
package enum WorkerReport: Codable, Sendable, Hashable {
    case file(SplitFile)
    case link(SplitLink)
    case layer(UnpackedLayer)
    case finished(SplitArchive)
    case error(WorkerFailure)

    private enum CodingKeys: String, CodingKey { case file, link, layer, finished, error }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let value = try container.decodeIfPresent(SplitFile.self, forKey: .file) {
            self = .file(value)
        } else if let value = try container.decodeIfPresent(SplitLink.self, forKey: .link) {
            self = .link(value)
        } else if let value = try container.decodeIfPresent(UnpackedLayer.self, forKey: .layer) {
            self = .layer(value)
        } else if let value = try container.decodeIfPresent(SplitArchive.self, forKey: .finished) {
            self = .finished(value)
        } else {
            self = .error(try container.decode(WorkerFailure.self, forKey: .error))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .file(let value): try container.encode(value, forKey: .file)
        case .link(let value): try container.encode(value, forKey: .link)
        case .layer(let value): try container.encode(value, forKey: .layer)
        case .finished(let value): try container.encode(value, forKey: .finished)
        case .error(let value): try container.encode(value, forKey: .error)
        }
    }
}

/// A layer on disk.
package struct UnpackedLayer: Codable, Sendable, Hashable {
    /// The digest of the uncompressed tar stream.
    package var diffID: String
    /// The sum of its files' sizes in bytes.
    package var size: Int64
    /// How many entries the tar has.
    package var entries: Int
    /// The length of the uncompressed tar stream in bytes.
    package var streamBytes: Int64
}

/// An entry of an archive, written to a file of its own.
package struct SplitFile: Codable, Sendable, Hashable {
    /// Its cleaned name in the archive, `blobs/sha256/…`.
    package var name: String
    /// The name of its file in the target directory.
    package var file: String
    /// The digest of its bytes.
    package var digest: String
    /// How many bytes it has.
    package var size: Int64

    package init(name: String, file: String, digest: String, size: Int64) {
        self.name = name
        self.file = file
        self.digest = digest
        self.size = size
    }
}

/// An entry that stands for another one: older archives name a layer twice that way.
package struct SplitLink: Codable, Sendable, Hashable {
    /// Its cleaned name in the archive.
    package var name: String
    /// The cleaned name it stands for.
    package var target: String

    package init(name: String, target: String) {
        self.name = name
        self.target = target
    }
}

/// The end of an archive.
package struct SplitArchive: Codable, Sendable, Hashable {
    /// How many entries it had.
    package var entries: Int
}

/// Why a worker gave up.
package struct WorkerFailure: Codable, Sendable, Hashable {
    /// The kind of fault.
    package var kind: String
    /// The fault's sentence.
    package var message: String
    /// The errno behind it.
    package var errno: Int32?

    init(_ fault: Fault) {
        kind = fault.kind.rawValue
        message = fault.description
        errno = fault.errno
    }

    /// The fault again, at the other end.
    package var fault: Fault { Fault(FaultKind(rawValue: kind) ?? .failed, message, errno: errno) }
}
