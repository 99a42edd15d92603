import CLinux
import Faults
import Linux

/// The processes in it: their way in, stopping, ending, and who may divide them further.
extension MountedCgroup {
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
        let path = components.isEmpty ? "" : components.joined(separator: "/")
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

    // MARK: - Delegation

    func delegate(to owner: uid_t) throws(Fault) {
        guard directories.allSatisfy({ $0.place.version == .v2 }), let unified else { return }
        let list = try? Files.open(Delegation.list).readAll(limit: 4_096)  // a kernel without it has the files that everyone has
        try doing("give to user \(owner)", unified) { () throws(Errno) in
            try Delegation.give(Delegation.files(list), in: unified.number, to: owner)
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
}
