import CLinux
import Linux

/// One open directory of a cgroup hierarchy: its files are reached through it, so that a path is
/// walked once. It knows no controller.
final class CgroupDirectory: Sendable {
    let place: CgroupRecord.Place
    /// Whether ``make(_:)`` made it, rather than found it.
    let isNew: Bool
    let number: CInt

    private init(_ place: CgroupRecord.Place, isNew: Bool) throws(Errno) {
        self.place = place
        self.isNew = isNew
        number = try Files.open(place.directory, flags: O_PATH | O_DIRECTORY).release()
    }

    deinit { close(number) }

    /// The same directory with other words about it.
    func replacing(_ place: CgroupRecord.Place) throws(Errno) -> CgroupDirectory {
        try CgroupDirectory(place, isNew: isNew)
    }

    /// Opens what is there.
    static func open(_ place: CgroupRecord.Place) throws(Errno) -> CgroupDirectory {
        try CgroupDirectory(place, isNew: false)
    }

    /// Makes the directory, and those above it; `prepare` is called for each new one above it.
    /// Those of a path with more than two levels are marked, so that whoever deletes the last
    /// container in them removes them. With two levels the one above is an engine's shelf for all
    /// its containers: making it anew for each would cost 0.8 ms on ten hierarchies.
    static func make(
        _ place: CgroupRecord.Place, prepare: (CgroupDirectory) throws(Errno) -> Void
    ) throws(Errno) -> CgroupDirectory {
        try makeWithParents(place) { above throws(Errno) in
            if place.isNested { above.mark() }
            try prepare(above)
        }
    }

    private static let raceAttemptsMax = 16

    private static func makeWithParents(
        _ place: CgroupRecord.Place, whenMade: (CgroupDirectory) throws(Errno) -> Void
    ) throws(Errno) -> CgroupDirectory {
        // A directory above may go away between being found and being used: its last container was deleted.
        for _ in 0..<raceAttemptsMax {
            if mkdir(place.directory, 0o755) == 0 { return try CgroupDirectory(place, isNew: true) }
            let error = Errno.current
            if error == .exists { return try CgroupDirectory(place, isNew: false) }
            guard error == .noEntry, let slash = place.path.lastIndex(of: "/") else { throw error }
            var parent = place
            parent.path = String(place.path[..<slash])
            do {
                let above = try makeWithParents(parent, whenMade: whenMade)
                if above.isNew { try whenMade(above) }
            } catch where error == .noEntry { continue }
        }
        throw .noEntry
    }

    // MARK: - Files

    /// Writes values into a file, each by a write(2) of its own as the kernel wants it.
    func write(_ file: String, _ values: [String]) throws(Errno) {
        let opened = try Files.open(file, at: number, flags: O_WRONLY)
        let descriptor = opened.rawValue
        for value in values {
            var value = value
            try call { value.withUTF8 { CLinux.write(descriptor, $0.baseAddress, $0.count) } }
        }
    }

    func write(_ file: String, _ value: String) throws(Errno) { try write(file, [value]) }

    /// A file's text, without the end of its last line.
    func read(_ file: String, limit: Int = 4_095) throws(Errno) -> String {
        var bytes = try Files.open(file, at: number).readAll(limit: limit)
        while bytes.last == 0x0A { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A file's only number; nil where the file is missing or says `max`.
    func readNumber(_ file: String) throws(Errno) -> UInt64? {
        do { return UInt64(try read(file)) } catch where error == .noEntry { return nil }
    }

    /// A file of lines `name number`; empty where the file is missing.
    func readTable(_ file: String) throws(Errno) -> [String: UInt64] {
        let text: String
        do { text = try read(file, limit: 1 << 20) } catch where error == .noEntry || error == .notSupported { return [:] }
        var table: [String: UInt64] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = UInt64(words[1]) { table[String(words[0])] = value }
        }
        return table
    }

    func has(_ file: String) -> Bool { faccessat(number, file, F_OK, 0) == 0 }

    // MARK: - Processes and cgroups beneath

    /// The processes of this cgroup and of those beneath it.
    func processes() throws(Errno) -> [pid_t] {
        var found = try processes(in: number)
        if try hasChildren() { try CgroupTree.walk(number, enter: { (inner) throws(Errno) in found += try processes(in: inner) }) }
        return found
    }

    /// Whether this cgroup itself has no process.
    func isEmpty() throws(Errno) -> Bool { try processes(in: number).isEmpty }

    private func processes(in directory: CInt) throws(Errno) -> [pid_t] {
        do throws(Errno) {
            return CgroupDirectory.numbers(in: try Files.open("cgroup.procs", at: directory).readAll(limit: 1 << 24))
        } catch {
            // A cgroup that went away meanwhile has no processes; a threaded one of v2 has those of the cgroup above it.
            if error == .noEntry || error == .noDevice || error == .notSupported { return [] }
            throw error
        }
    }

    private static func numbers(in bytes: [UInt8]) -> [pid_t] {
        bytes.split(separator: 0x0A).compactMap { pid_t(String(decoding: $0, as: UTF8.self)) }
    }

    /// A directory's links are itself, its name above, and one `..` from each directory in it.
    private func hasChildren() throws(Errno) -> Bool {
        var status = stat()
        try call { fstatat(number, "", &status, AT_EMPTY_PATH) }
        return status.st_nlink != 2
    }

    /// The names of the mark on a cgroup that was made on the way to a container's: an extended
    /// attribute, since the kernel keeps it exactly as long as the cgroup. The second is for whoever
    /// has no privileges.
    private static let marks = ["trusted.cais.made", "user.cais.made"]

    private func mark() {
        // One that cannot be marked stays, as if an engine had made it.
        for name in Self.marks where setxattr(place.directory, name, "", 0, 0) == 0 { return }
    }

    /// Removes the cgroups above this one that are marked and empty.
    func removeMade() {
        var parent = place
        guard place.isNested else { return }
        while let slash = parent.path.lastIndex(of: "/") {
            parent.path = String(parent.path[..<slash])
            let isMade = Self.marks.contains { getxattr(parent.directory, $0, nil, 0) >= 0 }
            // Refused by the kernel while anything is in it.
            guard isMade, rmdir(parent.directory) == 0 else { return }
        }
    }

    /// How long ``remove()`` waits for processes that are just ending.
    static let removeMillisecondsMax = 2_000

    /// Removes this cgroup and the empty ones beneath it. The kernel says EBUSY for as long as a
    /// killed process has not ended, so this asks again, with growing pauses, for a bounded time.
    func remove() throws(Errno) {
        var waited = 0
        var pause = 1
        while rmdir(place.directory) != 0 {
            let error = Errno.current
            if error == .noEntry { return }
            guard error == .busy || error == .notEmpty else { throw error }
            // One beneath that is still busy is why this one is, and is asked again with it.
            try CgroupTree.walk(number, leave: { (parent, name) in _ = unlinkat(parent, name, CInt(AT_REMOVEDIR)) })
            guard waited < Self.removeMillisecondsMax else { throw error }
            if rmdir(place.directory) == 0 { return }
            usleep(UInt32(pause) * 1_000)
            waited += pause
            pause = min(pause * 2, 100)
        }
    }
}

extension CgroupRecord.Place {
    /// Whether it has more than one level above it.
    fileprivate var isNested: Bool { path.utf8.reduce(0) { $0 + ($1 == UInt8(ascii: "/") ? 1 : 0) } > 1 }
}
