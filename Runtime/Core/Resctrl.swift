// Resctrl owns a container's class of cache and memory bandwidth in the kernel's resctrl file system:
// finding the mount, making directories, putting processes in, taking away what was made.
import CLinux
import Faults
import Linux
import OCISpec

/// What a container has there, as its record keeps it.
struct ResctrlRecord: Hashable, Sendable {
    /// The directory of its class, absolute.
    let group: String
    /// Whether it was made for this container, which takes it away again.
    let isOwn: Bool
    /// Its monitoring group, absolute, which always was; nil for none.
    let monitoring: String?

    /// Whether these are places that ``Resctrl/make(_:in:)`` names.
    var isWellFormed: Bool {
        let isPlace = group.hasPrefix("/") && !group.split(separator: "/").contains("..")
        guard isPlace, let monitoring else { return isPlace }
        let prefix = group + "/mon_groups/"
        let name = monitoring.dropFirst(prefix.count)
        return monitoring.hasPrefix(prefix) && !name.isEmpty && !name.contains("/") && name != ".."
    }
}

extension ResctrlRecord {
    /// Reads its part of a state file.
    init(_ members: JSONMembers) throws {
        self.init(
            group: try members.string(needed: "group"), isOwn: try members.bool("isOwn") ?? false, monitoring: try members.string("monitoring"))
    }

    /// Its part of a state file.
    var text: JSONObjectText {
        var text = JSONObjectText()
        text.add("group", group)
        text.add("isOwn", bool: isOwn)
        text.add("monitoring", monitoring)
        return text
    }
}

enum Resctrl {
    /// The most bytes of a schemata file that are read.
    static let schemataBytesMax = 65_536

    /// Where the file system is mounted.
    /// - Throws: `.unsupported` where it is not (config-linux.md: an error where intelRdt is set).
    static func mountPoint() throws(Fault) -> String {
        let mounts = try attempt("read mounts") { () throws(Errno) in try Files.open("/proc/self/mountinfo").readAll(limit: 16 << 20) }
        guard let point = mountPoint(in: String(decoding: mounts, as: UTF8.self)) else {
            throw Fault(.unsupported, "linux.intelRdt: no resctrl file system is mounted on this host")
        }
        return point
    }

    static func mountPoint(in mounts: String) -> String? {
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 1 else { continue }
            if fields[dash + 1] == "resctrl" && fields[3] == "/" { return String(fields[4]) }
        }
        return nil
    }

    /// Makes what the plan needs beneath `root`; after a failure nothing of it is left.
    static func make(_ plan: ResctrlPlan, in root: String) throws(Fault) -> ResctrlRecord {
        let group = plan.directory.isEmpty ? root : "\(root)/\(plan.directory)"
        var existing: String?
        if Files.exists(group) {
            existing = try attempt("read \(group)/schemata") { () throws(Errno) in
                String(decoding: try Files.read(group + "/schemata", limit: schemataBytesMax), as: UTF8.self)
            }
        }
        let isOwn = try plan.mustMake(existing: existing)
        if isOwn { try attempt("make resctrl group \(group)") { () throws(Errno) in try call { mkdir(group, 0o755) } } }
        var record = ResctrlRecord(group: group, isOwn: isOwn, monitoring: nil)
        do throws(Fault) {
            for lines in plan.schemata { try write(lines, to: group + "/schemata", root: root) }
            guard let name = plan.monitoringGroup else { return record }
            let monitoring = "\(group)/\(name)"
            try attempt("make resctrl monitoring group \(monitoring)") { () throws(Errno) in try call { mkdir(monitoring, 0o755) } }
            record = ResctrlRecord(group: group, isOwn: isOwn, monitoring: monitoring)
            return record
        } catch {
            // The error on the way out is the one that matters.
            try? remove(record)
            throw error
        }
    }

    /// Puts a process in; what it starts from then on is in too.
    static func join(_ record: ResctrlRecord, _ pid: pid_t) throws(Fault) {
        // A monitoring group takes only who is in its class already.
        for directory in [record.group, record.monitoring].compactMap({ $0 }) { try write("\(pid)\n", to: directory + "/tasks", root: nil) }
    }

    /// Takes away what was made. Missing is done.
    static func remove(_ record: ResctrlRecord) throws(Fault) {
        var failure: Fault?
        for directory in [record.monitoring, record.isOwn ? record.group : nil].compactMap({ $0 }) where rmdir(directory) != 0 {
            let error = Errno.current
            if error != .noEntry { failure = failure ?? Fault(error, "remove resctrl group \(directory)") }
        }
        if let failure { throw failure }
    }

    private static func write(_ text: String, to path: String, root: String?) throws(Fault) {
        do throws(Errno) {
            let file = try Files.open(path, flags: O_WRONLY)
            var text = text
            try call { text.withUTF8 { CLinux.write(file.rawValue, $0.baseAddress, $0.count) } }
        } catch {
            // The kernel has words of its own for what it did not like.
            let words = root.flatMap { try? Files.read($0 + "/info/last_cmd_status", limit: 4_096) }.map { String(decoding: $0, as: UTF8.self) }
            let detail = words.map { " (\($0.split(separator: "\n").joined(separator: "; ")))" } ?? ""
            throw Fault(error.kind, error.sentence + detail, errno: error.rawValue, trail: ["write \(Journal.quoted(text)) to \(path)"])
        }
    }
}
