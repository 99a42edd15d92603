// WritableLayers owns what a container writes: its upper and work directories, which layers they lie
// on, and the mount of all of it. The container's other files in the same directory are not its.
//
//   containers/<id>/lower.json  the layers beneath, bottom first
//   containers/<id>/upper       the container's changes
//   containers/<id>/work        overlayfs's scratch
import Archive
import CLinux
import Faults
import Linux
import OCISpec

/// Containers' writable layers below one directory. All calls block; each is idempotent.
package struct WritableLayers: Sendable {
    private let root: String
    private let layers: LayerStore

    /// What a writable layer lies on.
    private struct Lower: Codable {
        var version = 1
        var layers: [Digest]
    }

    /// Opens the writable layers below `root` (`<data-root>/containers`), making the directory.
    package init(root: String, layers: LayerStore) throws(Fault) {
        self.root = root
        self.layers = layers
        try snapshotCall("make \(root)") { () throws(Errno) in try Files.makeDirectories(root, mode: 0o710) }
    }

    /// Makes the writable layer of `container` on `stack` (bottom first); one that is there is kept.
    package func prepare(_ container: String, on stack: [Digest]) throws(Fault) {
        let path = try directory(of: container)
        if isPrepared(container) { return }
        for diffID in stack where !layers.contains(diffID) { throw Fault(.notFound, "layer \(diffID) is not unpacked") }
        let document = try JSON.encode(Lower(layers: stack))
        try snapshotCall("make the writable layer of \(container)") { () throws(Errno) in
            try Files.makeDirectories(path, mode: 0o700)
            try make("\(path)/upper", 0o755)
            try make("\(path)/work", 0o700)
            try copyRoot(of: stack.last.map(layers.tree(of:)), to: "\(path)/upper")
            // Last: a layer with this file is whole. Not forced to disk: whoever mounts it prepares
            // it again when it is missing, and a hundred containers need not wait for the disk.
            try Files.replace("\(path)/lower.json", with: document, durable: false)
        }
    }

    /// Whether the writable layer of `container` is whole.
    package func isPrepared(_ container: String) -> Bool {
        // A damaged or missing part is an answer: no.
        guard let path = try? directory(of: container), (try? lower(of: container)) != nil else { return false }
        return Files.exists("\(path)/upper") && Files.exists("\(path)/work")
    }

    /// Mounts the file system of `container` at `path`; done where it is mounted.
    package func mount(_ container: String, at path: String) throws(Fault) {
        let home = try directory(of: container)
        let stack = WritableLayers.distinct(try lower(of: container))
        let trees = stack.isEmpty ? [layers.emptyTree] : stack.reversed().map(layers.tree(of:))
        try OverlayMount.mount(OverlayPlan(lower: trees, upper: "\(home)/upper", work: "\(home)/work"), at: path)
    }

    /// Removes the writable layer of `container`; missing is done.
    package func remove(_ container: String) throws(Fault) {
        let path = try directory(of: container)
        guard Files.exists(path) else { return }
        try snapshotCall("remove the writable layer of \(container)") { () throws(Errno) in
            for name in ["upper", "work", "lower.json"] { try TreeRemoval.remove(path: "\(path)/\(name)") }
            // The directory too, when nothing of anybody else is in it.
            if rmdir(path) != 0, ![.notEmpty, .noEntry, .exists].contains(Errno.current) { throw Errno.current }
        }
    }

    /// Bytes that the container's own changes take on disk, hard links counted once.
    package func size(of container: String) throws(Fault) -> Int64 {
        let path = try directory(of: container)
        var size: Int64 = 0
        try snapshotCall("measure the writable layer of \(container)") { () throws(Errno) in size = try TreeSize.bytes(below: "\(path)/upper") }
        return size
    }

    /// The layers that a container's writable layer lies on; none where there is none.
    package func layers(of container: String) throws(Fault) -> Set<Digest> {
        guard Files.exists("\(try directory(of: container))/lower.json") else { return [] }
        return Set(try lower(of: container))
    }

    /// The layers that writable layers lie on. They stay even when their image goes.
    package func layersInUse() throws(Fault) -> Set<Digest> {
        let names: [String]
        do { names = try Files.names(in: root) } catch { throw snapshotFault("list the containers", error) }
        var used: Set<Digest> = []
        for name in names where Files.exists("\(root)/\(name)/lower.json") { used.formUnion(try lower(of: name)) }
        return used
    }

    private func lower(of container: String) throws(Fault) -> [Digest] {
        let path = "\(try directory(of: container))/lower.json"
        let bytes: [UInt8]
        do { bytes = try Files.read(path, limit: 1 << 20) } catch {
            throw Fault(error == .noEntry ? .notFound : .failed, "read \(path): \(error)", errno: error.rawValue)
        }
        return try within("read \(path)") { () throws(Fault) in try JSON.decode(Lower.self, from: bytes) }.layers
    }

    private func directory(of container: String) throws(Fault) -> String {
        // IDs come from outside at least once: none may name another directory.
        guard !container.isEmpty, container.utf8.allSatisfy({ $0 != 0x2f && $0 != 0 }), container != ".", container != ".." else {
            throw Fault(.invalidArgument, "\"\(container)\" is no container ID")
        }
        return "\(root)/\(container)"
    }

    /// The kernel takes no layer twice. Of equal ones the topmost is enough: all that a lower one
    /// says, it says again above.
    static func distinct(_ stack: [Digest]) -> [Digest] {
        var seen: Set<Digest> = []
        return stack.reversed().filter { seen.insert($0).inserted }.reversed()
    }

    private func make(_ path: String, _ mode: mode_t) throws(Errno) {
        if mkdir(path, mode) != 0 && Errno.current != .exists { throw Errno.current }
        try call { chmod(path, mode) }
    }

    /// The root that a container sees is the upper directory: it takes after the topmost layer's.
    private func copyRoot(of tree: String?, to upper: String) throws(Errno) {
        guard let tree else { return }
        var status = stat()
        try call { lstat(tree, &status) }
        try call { chown(upper, status.st_uid, status.st_gid) }
        try call { chmod(upper, status.st_mode & 0o7777) }
    }
}
