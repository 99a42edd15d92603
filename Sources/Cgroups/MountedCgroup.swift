import CLinux
import Faults
import Linux
import OCISpec

/// A cgroup in whatever hierarchies the machine has mounted: each controller is used where it is,
/// so v1, v2 and both side by side are one case. What differs between the generations is in V1/
/// and V2/.
final class MountedCgroup: CgroupManager {
    private let directories: [CgroupDirectory]
    /// Why a hierarchy is missing that the machine has.
    private let refused: Fault?

    var record: CgroupRecord { CgroupRecord(places: directories.map(\.place)) }

    /// Makes the cgroup, or undoes what was made of it.
    init(making record: CgroupRecord) throws(Fault) {
        var made: [CgroupDirectory] = []
        var refused: Fault?
        do throws(Fault) {
            for place in record.places {
                do throws(Errno) {
                    made.append(try Self.make(place))
                } catch where Self.isRefusal(error) {
                    // Without root, or with a read-only mount, a hierarchy counts as missing: only a
                    // limit that needs it is an error.
                    refused = refused ?? Fault(.forbidden, "\(error)", errno: error.rawValue, trail: ["make cgroup \(place.directory)"])
                } catch {
                    throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["make cgroup \(place.directory)"])
                }
            }
            if made.isEmpty { throw refused ?? Fault(.unsupported, "no cgroup hierarchy is mounted") }
            directories = try Self.noting(made)
            self.refused = refused
        } catch {
            made.filter(\.isNew).forEach(Self.undo)
            throw error
        }
        do {
            try checkFound()
        } catch {
            made.filter(\.isNew).forEach(Self.undo)
            throw error
        }
    }

    /// Opens what is left of a cgroup.
    init(opening record: CgroupRecord) throws(Fault) {
        var found: [CgroupDirectory] = []
        for place in record.places {
            do {
                found.append(try CgroupDirectory.open(place))
            } catch where error == .noEntry || error == .noDevice || error == .notDirectory {
                continue
            } catch {
                throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["open cgroup \(place.directory)"])
            }
        }
        guard !found.isEmpty else { throw Fault(.notFound, "cgroup /\(record.places.first?.path ?? "") is gone") }
        directories = found
        refused = nil
    }

    private static func make(_ place: CgroupRecord.Place) throws(Errno) -> CgroupDirectory {
        switch place.version {
        case .v1: try LegacyDirectory.make(place)
        case .v2: try UnifiedDirectory.make(place)
        }
    }

    /// Directories that were there before are remembered as such.
    private static func noting(_ directories: [CgroupDirectory]) throws(Fault) -> [CgroupDirectory] {
        if directories.allSatisfy({ $0.isNew }) { return directories }
        do throws(Errno) {
            return try directories.map { directory throws(Errno) in
                var place = directory.place
                place.isFound = true
                return directory.isNew ? directory : try directory.replacing(place)
            }
        } catch {
            throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["open cgroup /\(directories[0].place.path)"])
        }
    }

    private static func isRefusal(_ error: Errno) -> Bool {
        error == .access || error == .notPermitted || error.rawValue == EROFS
    }

    private static func undo(_ directory: CgroupDirectory) {
        // The error on the way out is the one that matters; an empty directory left behind is harmless.
        try? directory.remove()
        directory.removeMade()
    }

    /// A cgroup that was there before must be fit for a new container.
    private func checkFound() throws(Fault) {
        guard let old = directories.first(where: { !$0.isNew }) else { return }
        let conflict = { (reason: String) in Fault(.conflict, reason, trail: ["use cgroup /\(old.place.path)"]) }
        for directory in directories where !directory.isNew {
            let isEmpty = try doing("read processes", directory) { () throws(Errno) in try directory.isEmpty() }
            guard isEmpty else { throw conflict("container's cgroup is not empty: it has processes already") }
        }
        guard try !isFrozen() else { throw conflict("container's cgroup is frozen") }
    }

    // MARK: - Which directory

    private var unified: CgroupDirectory? { directories.first { $0.place.version == .v2 } }

    private func directory(of controller: String) -> CgroupDirectory? {
        if controller == ResourcePlan.unifiedDirectory { return unified }
        return directories.first { $0.place.controllers.contains(controller) }
    }

    private func version(of controller: String) -> CgroupVersion? {
        if let directory = directory(of: controller) { return directory.place.version }
        return controller == "blkio" && directory(of: "io") != nil ? .v2 : nil
    }

    private func doing<Value: ~Copyable>(
        _ step: String, _ directory: CgroupDirectory, _ body: () throws(Errno) -> Value
    ) throws(Fault) -> Value {
        do {
            return try body()
        } catch {
            throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["\(step) of cgroup /\(directory.place.path)"])
        }
    }

    // MARK: - Entering

    func entrance() throws(Fault) -> CgroupEntrance {
        var tasks: [CInt] = []
        var unifiedNumber: CInt?
        for directory in directories { try add(directory, components: [], tasks: &tasks, unified: &unifiedNumber) }
        return CgroupEntrance(unified: unifiedNumber, tasks: tasks)
    }

    func entrance(to selection: CgroupSelection) throws(Fault) -> CgroupEntrance {
        let known = Set(directories.filter { $0.place.version == .v1 }.flatMap(\.place.controllers))
        for controller in selection.byController.keys.sorted() where !known.contains(controller) {
            throw Fault(.invalidArgument, "--cgroup: there is no v1 hierarchy with controller \(controller)")
        }
        var tasks: [CInt] = []
        var unifiedNumber: CInt?
        do throws(Fault) {
            for directory in directories {
                let components = try selection.components(of: directory.place.controllers)
                try add(directory, components: components, tasks: &tasks, unified: &unifiedNumber)
            }
        } catch {
            for number in tasks { close(number) }
            if let unifiedNumber { close(unifiedNumber) }
            throw error
        }
        return CgroupEntrance(unified: unifiedNumber, tasks: tasks)
    }

    /// Opens the way into one hierarchy. There are no links in it, and no component is `..`.
    private func add(_ directory: CgroupDirectory, components: [String], tasks: inout [CInt], unified: inout CInt?) throws(Fault) {
        let path = components.joined(separator: "/")
        do throws(Errno) {
            if directory.place.version == .v1 {
                tasks.append(try Files.open(path.isEmpty ? "tasks" : "\(path)/tasks", at: directory.number, flags: O_WRONLY).release())
            } else {
                unified = try Files.open(path.isEmpty ? "." : path, at: directory.number, flags: O_PATH | O_DIRECTORY).release()
            }
        } catch {
            let place = "/\(directory.place.path)" + (path.isEmpty ? "" : "/\(path)")
            let controllers = directory.place.controllers.isEmpty ? "" : " (\(directory.place.controllers.joined(separator: ",")))"
            throw Fault(error == .noEntry ? .notFound : .failed, "\(error)", errno: error.rawValue, trail: ["enter cgroup \(place)\(controllers)"])
        }
    }

    func unifiedCgroup(of pid: pid_t) throws(Fault) -> FileDescriptor? {
        guard let unified else { return nil }
        return try doing("find process \(pid)", unified) { () throws(Errno) -> FileDescriptor? in
            let text = String(decoding: try Files.open("/proc/\(pid)/cgroup").readAll(limit: 1 << 20), as: UTF8.self)
            guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return nil }
            let own = unified.place.path.split(separator: "/")
            let components = line.dropFirst("0::".count).split(separator: "/")
            guard components.starts(with: own), !components.contains("..") else { return nil }
            let beneath = components.dropFirst(own.count).joined(separator: "/")
            return try Files.open(beneath.isEmpty ? "." : beneath, at: unified.number, flags: O_PATH | O_DIRECTORY)
        }
    }

    func join(_ pid: pid_t) throws(Fault) {
        for directory in directories {
            try doing("move process \(pid) to \(directory.place.controllers.joined(separator: ","))", directory) { () throws(Errno) in
                try directory.write("cgroup.procs", String(pid))
            }
        }
    }

    // MARK: - Limits

    func apply(_ resources: RuntimeSpec.Linux.Resources) throws(Fault) {
        do throws(Fault) { try applyWhereMade(resources) } catch {
            guard error.kind == .unsupported, let refused else { throw error }
            throw Fault(.forbidden, "\(error.reason) that may be used: \(refused)", errno: refused.errno, trail: error.trail)
        }
    }

    private func applyWhereMade(_ resources: RuntimeSpec.Linux.Resources) throws(Fault) {
        let steps = try ResourcePlan(version: version(of:), hasUnified: unified != nil).steps(for: resources)
        if resources.memory?.checkBeforeUpdate == true, let limit = resources.memory?.limit, limit > 0 { try checkUse(below: limit) }
        try CgroupPerformer(directory: directory(of:)).perform(steps)
    }

    func apply(devices rules: [RuntimeSpec.Linux.Resources.DeviceRule]) throws(Fault) {
        try apply(try within("device rules") { () throws(Fault) in try DevicePolicy(rules) })
    }

    private func apply(_ policy: DevicePolicy) throws(Fault) {
        if directory(of: "devices") != nil {
            try CgroupPerformer(directory: directory(of:)).perform(LegacyPlan.devices(policy))
        } else if let unified {
            try UnifiedDevices.attach(policy, to: unified)
        } else {
            throw Fault.missing("devices")
        }
    }

    func update(_ update: ResourceUpdate) throws(Fault) {
        try update.check()
        let written = update.written
        let steps = try ResourcePlan(version: version(of:), hasUnified: unified != nil).steps(for: written) + lifting(written)
        let policies = try written.devices.map { rules throws(Fault) in
            try within("device rules") { () throws(Fault) in (new: try DevicePolicy(rules), old: try DevicePolicy(update.devicesBefore)) }
        }
        if written.memory?.checkBeforeUpdate == true, let limit = written.memory?.limit, limit > 0 { try checkUse(below: limit) }
        let journal = CgroupJournal()
        do throws(Fault) {
            try CgroupPerformer(directory: directory(of:), journal: journal).perform(steps)
            if let policies { try change(policies.new, from: policies.old) }
        } catch {
            journal.takeBack()
            throw error
        }
    }

    private func change(_ policy: DevicePolicy, from old: DevicePolicy) throws(Fault) {
        guard directory(of: "devices") != nil else { return try apply(policy) }
        do throws(Fault) {
            try CgroupPerformer(directory: directory(of:)).perform(LegacyPlan.devices(policy, from: old))
        } catch {
            // As in the journal: the failure that led here is the one to report.
            try? CgroupPerformer(directory: directory(of:)).perform(LegacyPlan.devices(old))
            throw error
        }
    }

    /// What was switched on at creation and is now switched off. A new cgroup has nothing of that kind.
    private func lifting(_ resources: RuntimeSpec.Linux.Resources) -> [CgroupStep] {
        guard resources.memory?.disableOOMKiller == false, version(of: "memory") == .v1 else { return [] }
        return [.write(CgroupWrite("memory", "memory.oom_control", 0))]
    }

    private func checkUse(below limit: Int64) throws(Fault) {
        guard let directory = directory(of: "memory") else { return }
        let file = directory.place.version == .v1 ? "memory.usage_in_bytes" : "memory.current"
        let used = try doing("read \(file)", directory) { () throws(Errno) in try directory.readNumber(file) } ?? 0
        guard used <= UInt64(limit) else {
            throw Fault(.invalidArgument, "memory limit too small: \(limit) bytes are asked for and \(used) bytes are in use")
        }
    }

    // MARK: - Delegation

    /// The kernel's list of the files that may be given away (cgroups(7), since 4.15), and what it
    /// is taken to be where the kernel does not tell (the specification, "cgroup ownership").
    private static let delegateList = "/sys/kernel/cgroup/delegate"
    private static let delegateFiles = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]

    func delegate(to owner: uid_t) throws(Fault) {
        guard directories.allSatisfy({ $0.place.version == .v2 }), let unified else { return }
        let list = try? Files.open(Self.delegateList).readAll(limit: 4_096)  // a kernel without it has the files below
        let files = list.map { String(decoding: $0, as: UTF8.self).split(separator: "\n").map(String.init) } ?? Self.delegateFiles
        try doing("give to user \(owner)", unified) { () throws(Errno) in
            try call { fchownat(unified.number, "", owner, gid_t.max, AT_EMPTY_PATH) }
            for file in files where !file.contains("/") {
                // Not every cgroup has every file.
                do throws(Errno) { try call { fchownat(unified.number, file, owner, gid_t.max, AT_SYMLINK_NOFOLLOW) } } catch {
                    if error != .noEntry { throw error }
                }
            }
        }
    }

    // MARK: - Freezing and signals

    func freeze() throws(Fault) { try setFrozen(true) }
    func thaw() throws(Fault) { try setFrozen(false) }

    private func setFrozen(_ frozen: Bool) throws(Fault) {
        let step = frozen ? "freeze" : "thaw"
        if let freezer = directory(of: "freezer") {
            try doing(step, freezer) { () throws(Errno) in try LegacyFreezer.set(frozen, freezer) }
        } else if let unified {
            try doing(step, unified) { () throws(Errno) in try UnifiedFreezer.set(frozen, unified) }
        } else {
            throw Fault.missing("freezer")
        }
    }

    func isFrozen() throws(Fault) -> Bool {
        if let freezer = directory(of: "freezer") {
            return try doing("read freezer.state", freezer) { () throws(Errno) in try freezer.read("freezer.state") != "THAWED" }
        }
        guard let unified else { return false }
        return try doing("read cgroup.freeze", unified) { () throws(Errno) in try unified.readNumber("cgroup.freeze") == 1 }
    }

    /// How often ``signalAll(_:)`` looks for processes that were born meanwhile.
    private static let signalRoundsMax = 16

    func signalAll(_ signal: CInt) throws(Fault) {
        // Since 5.14 one write kills all, those being born included.
        if signal == SIGKILL, let unified, unified.has("cgroup.kill") {
            try doing("kill all processes", unified) { () throws(Errno) in
                // A threaded cgroup cannot, and a container may make its own one that.
                do throws(Errno) { try unified.write("cgroup.kill", "1") } catch { guard error == .notSupported else { throw error } }
            }
        }
        var signalled: Set<pid_t> = []
        for round in 0..<Self.signalRoundsMax {
            let fresh = Set(try processes()).subtracting(signalled)
            if fresh.isEmpty { break }
            // What is still born in the third round forks without end, and is stopped first: in v1's freezer a killed process waits.
            if round == 2, signal == SIGKILL, let freezer = directory(of: "freezer"), freezer.place.version == .v1 {
                // One that cannot be frozen is killed as it is.
                try? LegacyFreezer.set(true, freezer)
            }
            guard let directory = processesDirectory else { break }
            try doing("signal processes", directory) { () throws(Errno) in
                try CgroupSignals.send(signal, to: fresh, members: { () throws(Errno) in try directory.processes() })
            }
            signalled.formUnion(fresh)
        }
        // A frozen process of v1 dies only when it is let go.
        if signal == SIGKILL, directory(of: "freezer") != nil, try isFrozen() { try thaw() }
    }

    /// The hierarchy that is asked for the processes.
    private var processesDirectory: CgroupDirectory? { directory(of: "pids") ?? directories.first }

    func processes() throws(Fault) -> [pid_t] {
        guard let directory = processesDirectory else { return [] }
        return try doing("read processes", directory) { () throws(Errno) in try directory.processes() }
    }

    // MARK: - Reading

    func statistics() throws(Fault) -> CgroupStatistics {
        var statistics = CgroupStatistics()
        for directory in directories {
            try doing("read statistics", directory) { () throws(Errno) in
                switch directory.place.version {
                case .v1: try LegacyStatistics.add(directory, to: &statistics)
                case .v2: try UnifiedStatistics.add(directory, to: &statistics)
                }
            }
        }
        return statistics
    }

    func oomKillCount() throws(Fault) -> UInt64? {
        guard let directory = directory(of: "memory") else { return nil }
        let file = directory.place.version == .v1 ? "memory.oom_control" : "memory.events"
        return try doing("read \(file)", directory) { () throws(Errno) in try directory.readTable(file)["oom_kill"] }
    }

    func memoryWatch() throws(Fault) -> MemoryWatch? {
        guard let directory = directory(of: "memory") else { return nil }
        do throws(Errno) { return try MemoryWatch.listen(to: directory) } catch {
            throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["watch memory of cgroup /\(directory.place.path)"])
        }
    }

    // MARK: - Removal

    func remove() throws(Fault) {
        var first: Fault?
        for directory in directories where directory.place.isFound != true {
            do {
                try doing("remove \(directory.place.controllers.joined(separator: ","))", directory) { () throws(Errno) in try directory.remove() }
            } catch {
                first = first ?? error
            }
            directory.removeMade()
        }
        if let first { throw first }
    }
}
