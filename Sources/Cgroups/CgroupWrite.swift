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
    /// Two values the kernel compares with each other: which must be written first depends on
    /// those before.
    case eitherOrder(CgroupWrite, CgroupWrite)
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

    func perform(_ steps: [CgroupStep]) throws(Fault) {
        for step in steps { try perform(step) }
    }

    private func perform(_ step: CgroupStep) throws(Fault) {
        switch step {
        case .write(let write):
            try perform(write)
        case .eitherOrder(let first, let second):
            do {
                try perform(first)
            } catch where error.errno == Errno.invalid.rawValue || error.errno == Errno.busy.rawValue {
                try perform(second)
                try perform(first)
                return
            }
            try perform(second)
        case .firstExisting(let writes):
            guard let last = writes.last else { return }
            try perform(writes.first { directory($0.controller)?.has($0.file) ?? false } ?? last)
        case .ifExists(let write):
            if let directory = directory(write.controller), directory.has(write.file) { try perform(write) }
        case .lines(let controller, let file, let values):
            try perform(controller, file, values)
        }
    }

    private func perform(_ write: CgroupWrite) throws(Fault) { try perform(write.controller, write.file, [write.value]) }

    private func perform(_ controller: String, _ file: String, _ values: [String]) throws(Fault) {
        if values.isEmpty { return }
        guard let directory = directory(controller) else { throw .missing(controller) }
        do {
            try directory.write(file, values)
        } catch {
            throw Fault.writing(values, to: file, of: directory, error)
        }
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
            return Fault(.invalidArgument, "more than that is in use and cannot be freed", errno: error.rawValue, trail: [step])
        case .access, .notPermitted: return Fault(.forbidden, "\(error)", errno: error.rawValue, trail: [step])
        case _: return Fault(.failed, "\(error)", errno: error.rawValue, trail: [step])
        }
    }
}
