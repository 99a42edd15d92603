// StateStore owns the directory of a runtime root: one directory for each container, with its
// record, its configuration and the socket on which init waits for start.
import CLinux
import Faults
import Linux
import OCISpec

package struct StateStore: Sendable {
    /// The default of --root for root.
    package static let defaultRoot = "/run/cais-runtime"

    package let root: String

    /// Uses `root`, which is made when the first container is.
    package init(root: String) { self.root = root }

    /// The directory of a container.
    func directory(_ id: String) -> String { "\(root)/\(id)" }
    /// Its records, a line each.
    private func statePath(_ id: String) -> String { "\(root)/\(id)/state.json" }
    /// Compiled system call filters, shared by all containers.
    var filterCache: String { "\(root)/\(StateStore.filterCacheName)" }
    /// The name among the containers' that is none of theirs.
    static let filterCacheName = ".filters"
    /// The socket on which its init waits.
    func gatePath(_ id: String) -> String { "\(root)/\(id)/start.sock" }

    /// What a container that reports to a service manager sees at /run/notify.
    func notifyDirectory(_ id: String) -> String { "\(root)/\(id)/notify" }

    /// Where the file tree of a container without a mount namespace of its own is attached.
    func rootPlace(_ id: String) -> String { "\(root)/\(id)/rootfs" }
    /// What criu writes about a container, where its caller names no other place.
    func workDirectory(_ id: String) -> String { "\(root)/\(id)/criu" }

    /// Takes the name `id`: nobody else can have it until it is removed.
    func reserve(_ id: String) throws(Fault) {
        try Validation.checkID(id)
        // The sticky bit keeps what cleans a session's directory from it (XDG Base Directory Specification).
        let mode: mode_t = geteuid() == 0 ? 0o711 : 0o1700
        try attempt("make \(root)") { () throws(Errno) in try Files.makeDirectories(root, mode: mode) }
        try checkOwner()
        if mkdir(directory(id), 0o700) == 0 { return }
        if Errno.current == .exists { throw Fault(.conflict, "container with given ID already exists", errno: EEXIST) }
        throw Fault(Errno.current, "make \(directory(id))")
    }

    /// Adds the record as the last line of the state file, which is the one in force. A reader that
    /// finds it without its end looks again (`record`).
    func write(_ record: ContainerRecord) throws(Fault) {
        // Not synced: it describes processes, none of which outlives the machine.
        try attempt("write state of \(record.id)") { () throws(Errno) in
            let file = try Files.open(statePath(record.id), flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
            let size = try file.status().st_size
            do throws(Errno) { try file.writeAll(record.text.bytes + [StateStore.lineEnd]) } catch {
                // Half a line, on a full disk, must not be the beginning of the next.
                _ = ftruncate(file.rawValue, size)
                throw error
            }
        }
    }

    private static let lineEnd = UInt8(ascii: "\n")

    /// Keeps the configuration, so that later changes in the bundle change nothing.
    func keep(configuration: [UInt8], of id: String) throws(Fault) {
        try attempt("write configuration of \(id)") { () throws(Errno) in
            let file = try Files.open(directory(id) + "/config.json", flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try file.writeAll(configuration)
        }
    }

    /// The configuration the container was made with.
    func configuration(of id: String) throws(Fault) -> RuntimeSpec {
        let bytes = try attempt("read configuration of \(id)") { () throws(Errno) in
            try Files.read(directory(id) + "/config.json", limit: Bundle.configurationBytesMax)
        }
        return try JSON.decode(RuntimeSpec.self, from: bytes)
    }

    /// The most bytes of a record: what it repeats of a configuration may be most of that, and twice as long when written.
    static let recordBytesMax = 4 * Bundle.configurationBytesMax

    /// The record of `id`.
    /// - Throws: `.notFound`, `container does not exist`, where there is none.
    package func record(_ id: String) throws(Fault) -> ContainerRecord {
        try Validation.checkID(id)
        let bytes = try stateBytes(id)
        let record = try within("state of \(id)") { () throws(Fault) in
            guard let line = StateStore.lastLine(of: bytes) else { throw Fault(.failed, "it is damaged: its last line has no end") }
            return try JSON.members(of: line) { try ContainerRecord($0) }
        }
        guard record.version == ContainerRecord.formatVersion else {
            throw Fault(.unsupported, "state of \(id) has format version \(record.version)")
        }
        try within("state of \(id)") { () throws(Fault) in try record.check(isAbout: id) }
        return record
    }

    /// How often a file whose last line has no end is read again: somebody may be writing just that.
    private static let readsMax = 50

    private func stateBytes(_ id: String) throws(Fault) -> [UInt8] {
        var bytes: [UInt8] = []
        do throws(Errno) {
            for _ in 0..<StateStore.readsMax {
                bytes = try Files.read(statePath(id), limit: StateStore.recordBytesMax)
                if bytes.last == StateStore.lineEnd { break }
                sched_yield()
            }
            return bytes
        } catch {
            if error == .noEntry || error == .notDirectory { throw Fault(.notFound, "container does not exist", errno: ENOENT) }
            throw Fault(error, "read state of \(id)")
        }
    }

    /// The last line; nil where it has no end.
    static func lastLine(of bytes: [UInt8]) -> [UInt8]? {
        guard bytes.last == lineEnd else { return nil }
        let before = bytes.dropLast().lastIndex(of: lineEnd).map { $0 + 1 } ?? 0
        return Array(bytes[before..<(bytes.count - 1)])
    }

    /// The names that are taken, sorted.
    package func ids() throws(Fault) -> [String] {
        do throws(Errno) {
            return try Files.names(in: root).filter { Files.exists(statePath($0)) }.sorted()
        } catch {
            if error == .noEntry { return [] }
            throw Fault(error, "read \(root)")
        }
    }

    /// Gives the name back. Missing is done. A file tree that is attached there is detached and so
    /// gone with all that is mounted in it; one in a joined mount namespace goes with its directory.
    func remove(_ id: String) throws(Fault) {
        try attempt("remove \(directory(id))") { () throws(Errno) in
            do throws(Errno) { try Files.removeTree(directory(id)) } catch {
                guard error == .crossDevice else { throw error }
                try Mount.detach(rootPlace(id))
                try Files.removeTree(directory(id))
            }
        }
    }

    /// Makes the place for a file tree.
    func makeRootPlace(_ id: String) throws(Fault) -> String {
        let place = rootPlace(id)
        try attempt("make \(place)") { () throws(Errno) in try call { mkdir(place, 0o700) } }
        return place
    }

    /// Holds the container for one command that changes it; let go of when the value is dropped
    /// or its process ends.
    func lock(_ id: String) throws(Fault) -> FileDescriptor {
        try Validation.checkID(id)
        do throws(Errno) {
            let path = directory(id)
            let held = try Files.open(path, flags: O_RDONLY | O_DIRECTORY)
            try call { flock(held.rawValue, LOCK_EX) }
            // While this waited it may have been deleted, and made anew by somebody else.
            var there = stat()
            try call { lstat(path, &there) }
            let own = try held.status()
            guard there.st_ino == own.st_ino && there.st_dev == own.st_dev else { throw .noEntry }
            return held
        } catch {
            if error == .noEntry { throw Fault(.notFound, "container does not exist", errno: ENOENT) }
            throw Fault(error, "lock \(id)")
        }
    }
}
