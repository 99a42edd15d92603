// LayerStore owns unpacked layers: one directory each, named by the diff ID, so that a layer that
// several images share is there once and the order of unpacking means nothing. Who needs a layer is
// not its business.
//
//   layers/<diff ID's digits>/fs          the tree, in overlayfs's form
//   layers/<diff ID's digits>/layer.json  what is known of it
//   layers/tmp-*                          half-made or half-removed: swept at start
import Archive
import CLinux
import Faults
import Linux
import OCISpec

/// What is known of an unpacked layer.
package struct LayerInfo: Codable, Sendable, Hashable {
    /// The version of this document.
    package var version = 1
    /// The digest of its uncompressed tar.
    package var diffID: Digest
    /// The sum of its files' sizes in bytes.
    package var size: Int64
    /// How many entries its tar has.
    package var entries: Int
}

/// A layer that is unpacked and has no place yet.
package struct StagedLayer: Sendable {
    /// What is known of it.
    package let info: LayerInfo
    let path: String
}

/// Unpacked layers below one directory. All calls block.
package struct LayerStore: Sendable {
    private let root: String
    private let worker: UnpackWorker

    /// Opens the layers below `root`, making the directory.
    package init(root: String, worker: UnpackWorker) throws(Fault) {
        self.root = root
        self.worker = worker
        try snapshotCall("make \(root)") { () throws(Errno) in
            try Files.makeDirectories(root, mode: 0o700)
            try Files.makeDirectories("\(root)/empty", mode: 0o755)
        }
    }

    /// Whether the layer is unpacked and known.
    package func contains(_ diffID: Digest) -> Bool { Files.exists("\(path(of: diffID))/fs") && info(diffID) != nil }

    /// What is known of a layer; nil where it is not here.
    package func info(_ diffID: Digest) -> LayerInfo? {
        // Missing or damaged: unknown either way, and the layer is then unpacked anew.
        guard let bytes = try? Files.read("\(path(of: diffID))/layer.json", limit: 64 << 10) else { return nil }
        return try? JSON.decode(LayerInfo.self, from: bytes)
    }

    /// Unpacks a blob in a worker; nothing of it stays when that fails.
    /// - Parameter expected: the diff ID that the image states.
    package func unpack(_ blob: borrowing FileDescriptor, expecting expected: Digest?) throws(Fault) -> StagedLayer {
        let path = "\(root)/tmp-\(String(UInt64.random(in: .min ... .max), radix: 16))"
        do throws(Fault) {
            try snapshotCall("make a layer's directory") { () throws(Errno) in
                try call { mkdir(path, 0o700) }
                try call { mkdir("\(path)/fs", 0o755) }
                // mkdir(2) is cut by the umask.
                try call { chmod("\(path)/fs", 0o755) }
            }
            let info = try fill(path, from: blob, expecting: expected)
            return StagedLayer(info: info, path: path)
        } catch {
            remove(tree: path)
            throw error
        }
    }

    private func fill(_ path: String, from blob: borrowing FileDescriptor, expecting expected: Digest?) throws(Fault) -> LayerInfo {
        let target: FileDescriptor
        do { target = try Files.open("\(path)/fs", flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW) } catch { throw snapshotFault("open a layer's directory", error) }
        let unpacked = try worker.unpackLayer(from: blob, into: target)
        let diffID = try Digest(parsing: unpacked.diffID)
        if let expected, expected != diffID {
            throw Fault(.invalidArgument, "invalid diffID: expected \"\(expected)\", got \"\(diffID)\"")
        }
        let info = LayerInfo(diffID: diffID, size: unpacked.size, entries: unpacked.entries)
        let document = try JSON.encode(info)
        try snapshotCall("write layer.json") { () throws(Errno) in try Files.replace("\(path)/layer.json", with: document, durable: false) }
        return info
    }

    /// Gives staged layers their names, after one write of everything to disk. A layer that arrived
    /// on another way meanwhile is kept and the staged one dropped.
    package func commit(_ staged: [StagedLayer]) throws(Fault) {
        guard !staged.isEmpty else { return }
        try synchronize("write the layers to disk") { syncfs($0) }
        for layer in staged {
            let target = path(of: layer.info.diffID)
            if rename(layer.path, target) == 0 { continue }
            let error = Errno.current
            guard error == .exists || error == .notEmpty else { throw snapshotFault("store layer \(layer.info.diffID)", error) }
            if contains(layer.info.diffID) {
                remove(tree: layer.path)
                continue
            }
            // What stands there is damaged.
            try delete(layer.info.diffID)
            try snapshotCall("store layer \(layer.info.diffID)") { () throws(Errno) in try call { rename(layer.path, target) } }
        }
        try synchronize("write the layers' names to disk") { fsync($0) }
    }

    /// Drops a staged layer.
    package func discard(_ staged: StagedLayer) { remove(tree: staged.path) }

    /// The diff IDs of all layers here.
    package func list() throws(Fault) -> [Digest] {
        let names: [String]
        do { names = try Files.names(in: root) } catch { throw snapshotFault("list the layers", error) }
        // Other names are no layers: that is the answer wanted here.
        return names.compactMap { try? Digest(hex: $0) }
    }

    /// Removes a layer: its name first, at once, so that a crash leaves no half of it behind that
    /// looks whole.
    package func delete(_ diffID: Digest) throws(Fault) {
        let dying = "\(root)/tmp-\(String(UInt64.random(in: .min ... .max), radix: 16))"
        if rename(path(of: diffID), dying) != 0 {
            if Errno.current == .noEntry { return }
            throw snapshotFault("remove layer \(diffID)", Errno.current)
        }
        try snapshotCall("remove layer \(diffID)") { () throws(Errno) in try TreeRemoval.remove(path: dying) }
    }

    /// Removes what earlier runs left half-made. Only before anything is unpacked.
    package func sweep() throws(Fault) {
        try snapshotCall("sweep the layers") { () throws(Errno) in
            for name in try Files.names(in: root) where name.hasPrefix("tmp-") { try TreeRemoval.remove(path: "\(root)/\(name)") }
        }
    }

    /// The directory that an overlay mount takes for the layer.
    package func tree(of diffID: Digest) -> String { "\(path(of: diffID))/fs" }

    /// What stands for "no layers": overlayfs wants at least one below.
    var emptyTree: String { "\(root)/empty" }

    private func path(of diffID: Digest) -> String { "\(root)/\(diffID.hex)" }

    private func synchronize(_ step: String, _ body: (CInt) -> CInt) throws(Fault) {
        try snapshotCall(step) { () throws(Errno) in
            let directory = try Files.open(root, flags: O_RDONLY | O_DIRECTORY)
            let number = directory.rawValue
            try call { body(number) }
        }
    }

    private func remove(tree path: String) {
        // What cannot be removed now is swept at the next start.
        try? TreeRemoval.remove(path: path)
    }
}

func snapshotCall<Value>(_ step: String, _ body: () throws(Errno) -> Value) throws(Fault) {
    do { _ = try body() } catch { throw snapshotFault(step, error) }
}

func snapshotFault(_ step: String, _ error: Errno) -> Fault {
    Fault(error == .noSpace ? .noSpace : .failed, "\(step): \(error)", errno: error.rawValue)
}
