import Faults
import Linux

/// One value for one file of one controller: what a limit comes down to.
struct CgroupWrite: Hashable, Sendable {
    /// Which directory.
    let controller: String
    /// Which file in it.
    let file: String
    /// What is written.
    let value: String

    init(_ controller: String, _ file: String, _ value: some CustomStringConvertible) {
        self.controller = controller
        self.file = file
        self.value = value.description
    }
}

/// A step of setting limits. Plans of these are made without looking at the machine; what can
/// only be seen there (files that some kernels lack, values that depend on older ones) is said by
/// the kind of step.
enum CgroupStep: Hashable, Sendable {
    /// A value that must be written.
    case write(CgroupWrite)
    /// Values the kernel compares with each other: which must be written first depends on those before.
    case anyOrder([CgroupWrite])
    /// Alternatives, of which the first whose file exists is written.
    case firstExisting([CgroupWrite])
    /// A value for a file that not every kernel has and that no one asked for by name.
    case ifExists(CgroupWrite)
    /// Several values for one file, each a write of its own.
    case lines(controller: String, file: String, values: [String])
}

/// Carries steps out.
struct CgroupPerformer {
    /// The directory that has a controller.
    let directory: (String) -> CgroupDirectory?
    /// Where the values before are kept, for a change that is taken back when a step of it fails.
    var journal: CgroupJournal?

    func perform(_ steps: [CgroupStep]) throws(Fault) {
        for step in steps { try perform(step) }
    }

    private func perform(_ step: CgroupStep) throws(Fault) {
        switch step {
        case .write(let write):
            try perform(write)
        case .anyOrder(let writes):
            try performInAnyOrder(writes)
        case .firstExisting(let writes):
            guard let last = writes.last else { return }
            try perform(writes.first { directory($0.controller)?.has($0.file) ?? false } ?? last)
        case .ifExists(let write):
            if let directory = directory(write.controller), directory.has(write.file) { try perform(write) }
        case .lines(let controller, let file, let values):
            try perform(controller, file, values)
        }
    }

    /// What the kernel refuses beside the other values of now, it may take beside those to come.
    private func performInAnyOrder(_ writes: [CgroupWrite]) throws(Fault) {
        var pending = writes
        while true {
            var refused: [(write: CgroupWrite, fault: Fault)] = []
            for write in pending {
                do {
                    try perform(write)
                } catch where error.errno == Errno.invalid.rawValue || error.errno == Errno.busy.rawValue {
                    refused.append((write, error))
                }
            }
            guard let first = refused.first else { return }
            if refused.count == pending.count { throw first.fault }
            pending = refused.map(\.write)
        }
    }

    private func perform(_ write: CgroupWrite) throws(Fault) { try perform(write.controller, write.file, [write.value]) }

    private func perform(_ controller: String, _ file: String, _ values: [String]) throws(Fault) {
        if values.isEmpty { return }
        guard let directory = directory(controller) else { throw .missing(controller) }
        let before = journal == nil ? nil : try? directory.read(file, limit: 1 << 20)  // a file that cannot be read cannot be set back
        do {
            try directory.write(file, values)
        } catch {
            throw Fault.writing(values, to: file, of: directory, error)
        }
        if let before { journal?.note(directory, file, before: before, values: values) }
    }
}

/// The values that a change has written over, so that it can be taken back.
final class CgroupJournal {
    private var entries: [(directory: CgroupDirectory, file: String, values: [String])] = []

    /// Remembers what was in a file. In files with a line for each device only the lines that were written matter.
    func note(_ directory: CgroupDirectory, _ file: String, before: String, values: [String]) {
        // It is written with one digit and read as a table that begins with it.
        if file == "memory.oom_control" { return entries.append((directory, file, [before.hasPrefix("oom_kill_disable 1") ? "1" : "0"])) }
        let isTable = values.allSatisfy { $0.contains(" ") && ($0.contains(":") || $0.hasPrefix("default ")) }
        entries.append((directory, file, isTable ? values.map { Self.line(file, for: $0, in: before) } : [before.isEmpty ? "\n" : before]))
    }

    /// The line of the same device, or of the default, or else one that lifts a device's limits.
    private static func line(_ file: String, for value: String, in before: String) -> String {
        let device = value.prefix { $0 != " " }
        let old = before.split(separator: "\n").first { $0.hasPrefix("\(device) ") }
        if let old { return String(old) }
        return file == "io.max" ? "\(device) rbps=max wbps=max riops=max wiops=max" : "\(device) 0"
    }

    /// Sets everything back, the last first: each state on the way was once valid.
    func takeBack() {
        for entry in entries.reversed() {
            // The failure that led here is the one to report.
            try? entry.directory.write(entry.file, entry.values)
        }
        entries = []
    }
}

extension Fault {
    /// A limit was asked for and nobody enforces it.
    static func missing(_ controller: String) -> Fault {
        Fault(.unsupported, "this machine has no \(controller) cgroup controller for it")
    }

    /// The kernel refused a value.
    static func writing(_ values: [String], to file: String, of directory: CgroupDirectory, _ error: Errno) -> Fault {
        let value = values.count == 1 ? values[0] : "\(values.count) values"
        let step = "write \(value) to \(file) of cgroup /\(directory.place.path)"
        switch error {
        case .noEntry: return Fault(.unsupported, "this kernel has no \(file)", errno: error.rawValue, trail: [step])
        case .invalid, .range, .noDevice: return Fault(.invalidArgument, "\(error)", errno: error.rawValue, trail: [step])
        case .busy where file.hasPrefix("memory."):
            return Fault(.invalidArgument, "memory limit too small: \(use(file, directory))cannot be freed", errno: error.rawValue, trail: [step])
        case .access, .notPermitted: return Fault(.forbidden, "\(error)", errno: error.rawValue, trail: [step])
        case _: return Fault(.failed, "\(error)", errno: error.rawValue, trail: [step])
        }
    }

    /// How much is in use, in words; what cannot be read is left out of the sentence.
    private static func use(_ file: String, _ directory: CgroupDirectory) -> String {
        let counter = file.hasPrefix("memory.memsw.") ? "memory.memsw.usage_in_bytes" : "memory.usage_in_bytes"
        guard let bytes = ((try? directory.readNumber(counter)) ?? nil) else { return "what is in use " }  // as said
        return "\(bytes) bytes are in use and "
    }
}
