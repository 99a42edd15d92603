// SeccompProfile owns how a system call filter with conditions becomes the flat list of the OCI
// specification. The filter itself is the runtime's.
import Faults
import OCISpec

/// A filter whose rules may depend on capabilities, processor and kernel.
struct SeccompProfile: Sendable {
    /// One group of calls and when it applies.
    struct Rule: Sendable {
        let names: [String]
        let action: RuntimeSpec.Linux.SeccompAction
        let errno: UInt32?
        let arguments: [RuntimeSpec.Linux.SeccompArgument]
        /// Applies from this kernel on.
        let kernelMin: (Int, Int)
        /// Applies on these processors only, by Go's names; everywhere when empty.
        let processors: [String]
        /// Does not apply on these.
        let notProcessors: [String]
        /// Applies only to containers with all of these capabilities.
        let capabilities: [String]
        /// Applies only to containers without any of these.
        let notCapabilities: [String]

        /// A rule of the engine's own table: names separated by white space, allowed where nothing
        /// else is said.
        init(
            _ names: String, action: RuntimeSpec.Linux.SeccompAction = .allow, errno: UInt32? = nil,
            argument: RuntimeSpec.Linux.SeccompArgument? = nil, kernelMin: (Int, Int) = (0, 0), processors: [String] = [],
            notProcessors: [String] = [], with capability: String? = nil, without notCapability: String? = nil
        ) {
            self.init(
                names: names.split(whereSeparator: \.isWhitespace).map(String.init), action: action, errno: errno,
                arguments: argument.map { [$0] } ?? [], kernelMin: kernelMin, processors: processors, notProcessors: notProcessors,
                capabilities: capability.map { [$0] } ?? [], notCapabilities: notCapability.map { [$0] } ?? [])
        }

        /// A rule of its parts.
        init(
            names: [String], action: RuntimeSpec.Linux.SeccompAction, errno: UInt32?, arguments: [RuntimeSpec.Linux.SeccompArgument],
            kernelMin: (Int, Int), processors: [String], notProcessors: [String], capabilities: [String], notCapabilities: [String]
        ) {
            self.names = names
            self.action = action
            self.errno = errno
            self.arguments = arguments
            self.kernelMin = kernelMin
            self.processors = processors
            self.notProcessors = notProcessors
            self.capabilities = capabilities
            self.notCapabilities = notCapabilities
        }

        /// Whether it applies.
        func applies(capabilities: Set<String>, processor: String, kernel: (Int, Int)) -> Bool {
            kernel >= kernelMin
                && (processors.isEmpty || processors.contains(processor)) && !notProcessors.contains(processor)
                && self.capabilities.allSatisfy(capabilities.contains) && !notCapabilities.contains(where: capabilities.contains)
        }
    }

    /// What happens to calls that no rule names.
    let defaultAction: RuntimeSpec.Linux.SeccompAction
    /// The errno of ``defaultAction``, where it has one.
    let defaultErrno: UInt32?
    /// The architectures to filter, by processor.
    let architectures: [String: [RuntimeSpec.Linux.SeccompArchitecture]]
    /// The rules.
    let rules: [Rule]
    /// Flags of seccomp(2).
    var flags: [RuntimeSpec.Linux.SeccompFlag]?

    init(
        defaultAction: RuntimeSpec.Linux.SeccompAction, defaultErrno: UInt32?,
        architectures: [String: [RuntimeSpec.Linux.SeccompArchitecture]], rules: [Rule], flags: [RuntimeSpec.Linux.SeccompFlag]? = nil
    ) {
        self.defaultAction = defaultAction
        self.defaultErrno = defaultErrno
        self.architectures = architectures
        self.rules = rules
        self.flags = flags
    }

    /// The flat filter for a container with these capabilities on this machine.
    func resolve(capabilities: Set<String>, processor: String, kernel: (Int, Int)) -> RuntimeSpec.Linux.Seccomp {
        let applying = rules.filter { $0.applies(capabilities: capabilities, processor: processor, kernel: kernel) }
        return RuntimeSpec.Linux.Seccomp(
            defaultAction: defaultAction, defaultErrnoRet: defaultErrno, architectures: architectures[processor], flags: flags,
            syscalls: applying.map {
                RuntimeSpec.Linux.SeccompRule(
                    names: $0.names, action: $0.action, errnoRet: $0.errno, args: $0.arguments.isEmpty ? nil : $0.arguments)
            })
    }
}

// MARK: - Profiles that clients send

extension SeccompProfile {
    /// Reads a profile in docker's format, as `--security-opt seccomp=FILE` sends it.
    /// - Throws: `invalidArgument` with the place.
    init(json text: String) throws(Fault) {
        let document: Document
        do throws(Fault) { document = try JSON.decode(Document.self, from: Array(text.utf8)) } catch {
            throw Fault(.invalidArgument, "Decoding seccomp profile failed: \(error)")
        }
        if document.architectures != nil, document.archMap?.isEmpty == false {
            throw Fault(.invalidArgument, "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'")
        }
        var byProcessor: [String: [RuntimeSpec.Linux.SeccompArchitecture]] = [:]
        if let list = document.architectures {
            for processor in SeccompProfile.processors.keys { byProcessor[processor] = list }
        } else {
            for entry in document.archMap ?? [] {
                for (processor, own) in SeccompProfile.processors where own == entry.architecture {
                    byProcessor[processor] = [own] + (entry.subArchitectures ?? [])
                }
            }
        }
        self.init(
            defaultAction: document.defaultAction, defaultErrno: document.defaultErrnoRet, architectures: byProcessor,
            rules: try (document.syscalls ?? []).map { (call) throws(Fault) in try call.rule() }, flags: document.flags)
    }

    /// Go's names of processors, and what seccomp calls them.
    private static let processors: [String: RuntimeSpec.Linux.SeccompArchitecture] = [
        "amd64": .x86_64, "arm64": .aarch64, "riscv64": .riscv64, "s390x": .s390x,
    ]

    private struct Document: Decodable {
        var defaultAction: RuntimeSpec.Linux.SeccompAction
        var defaultErrnoRet: UInt32?
        var architectures: [RuntimeSpec.Linux.SeccompArchitecture]?
        var archMap: [ArchitectureEntry]?
        var flags: [RuntimeSpec.Linux.SeccompFlag]?
        var syscalls: [Call]?
    }

    private struct ArchitectureEntry: Decodable {
        var architecture: RuntimeSpec.Linux.SeccompArchitecture
        var subArchitectures: [RuntimeSpec.Linux.SeccompArchitecture]?
    }

    private struct Condition: Decodable {
        var caps: [String]?
        var arches: [String]?
        var minKernel: String?
    }

    private struct Call: Decodable {
        var name: String?
        var names: [String]?
        var action: RuntimeSpec.Linux.SeccompAction
        var errnoRet: UInt32?
        var args: [RuntimeSpec.Linux.SeccompArgument]?
        var includes: Condition?
        var excludes: Condition?

        func rule() throws(Fault) -> Rule {
            guard (name == nil) != (names == nil) else {
                throw Fault(.invalidArgument, "a rule of the seccomp profile needs either 'name' or 'names'")
            }
            let kernel = (includes?.minKernel ?? "0.0").split(separator: ".").map { Int($0) }
            guard kernel.count == 2, let major = kernel[0], let minor = kernel[1] else {
                throw Fault(.invalidArgument, "the seccomp profile's minKernel is not a version: \(includes?.minKernel ?? "")")
            }
            return Rule(
                names: names ?? [name ?? ""], action: action, errno: errnoRet, arguments: args ?? [], kernelMin: (major, minor),
                processors: includes?.arches ?? [], notProcessors: excludes?.arches ?? [], capabilities: includes?.caps ?? [],
                notCapabilities: excludes?.caps ?? [])
        }
    }
}
