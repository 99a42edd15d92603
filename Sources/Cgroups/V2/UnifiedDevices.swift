import CLinux
import Faults
import Linux

/// Device rules on cgroup v2, which has no files for them: a small BPF program at the cgroup's
/// directory says yes or no. Needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, in the initial user
/// namespace.
enum UnifiedDevices {
    /// The most programs of others at one cgroup that are looked at.
    private static let programsMax = 64

    /// Makes `policy` the one that holds for the cgroup, instead of those attached before.
    static func attach(_ policy: DevicePolicy, to directory: CgroupDirectory) throws(Fault) {
        do throws(Errno) {
            let old = try programs(of: directory)
            // Everything allowed is no program at all.
            if !policy.allowsByDefault || !policy.exceptions.isEmpty {
                let program = try load(DeviceProgram(policy))
                // Beside the old ones first: all must agree, so there is no moment without rules.
                try call { cais_bpf_attach(directory.number, program.rawValue, UInt32(BPF_F_ALLOW_MULTI)) }
            }
            for program in old {
                let opened = FileDescriptor(owning: try call { cais_bpf_open_program(program) })
                try call { cais_bpf_detach(directory.number, opened.rawValue) }
            }
        } catch {
            let kind: FaultKind = error == .notPermitted ? .forbidden : error == .noSystemCall ? .unsupported : .failed
            throw Fault(kind, "\(error)", errno: error.rawValue, trail: ["attach device rules to cgroup /\(directory.place.path)"])
        }
    }

    private static func programs(of directory: CgroupDirectory) throws(Errno) -> [UInt32] {
        var identifiers = [UInt32](repeating: 0, count: programsMax)
        var count = UInt32(programsMax)
        try call { cais_bpf_query(directory.number, &identifiers, &count) }
        return Array(identifiers.prefix(Int(count)))
    }

    private static func load(_ program: DeviceProgram) throws(Errno) -> FileDescriptor {
        let instructions = program.instructions
        return FileDescriptor(owning: try call { cais_bpf_load_device_program(instructions, UInt32(instructions.count)) })
    }
}

/// A device policy as instructions of the kernel's BPF machine. The kernel gives it the request
/// (kind, access, numbers) and takes 1 for yes and 0 for no.
struct DeviceProgram {
    private(set) var instructions: [UInt64] = []
    /// Jumps whose distance is not known yet.
    private var jumps: [Int] = []

    // Registers: the context, then what the program keeps of it.
    private static let result: UInt8 = 0
    private static let context: UInt8 = 1
    private static let kind: UInt8 = 2
    private static let access: UInt8 = 3
    private static let major: UInt8 = 4
    private static let minor: UInt8 = 5

    // Operation codes of linux/bpf.h, put together.
    private static let load32: UInt8 = 0x61
    private static let and32: UInt8 = 0x54
    private static let shiftRight32: UInt8 = 0x74
    private static let move32: UInt8 = 0xBC
    private static let moveImmediate32: UInt8 = 0xB4
    private static let jumpNotEqual: UInt8 = 0x55
    private static let jumpNotEqualRegister: UInt8 = 0x5D
    private static let jumpEqual: UInt8 = 0x15
    private static let exit: UInt8 = 0x95

    init(_ policy: DevicePolicy) {
        // The first word of the request is the kind in its lower half and the access in its upper.
        emit(Self.load32, Self.kind, Self.context, offset: 0)
        emit(Self.and32, Self.kind, immediate: 0xFFFF)
        emit(Self.load32, Self.access, Self.context, offset: 0)
        emit(Self.shiftRight32, Self.access, immediate: 16)
        emit(Self.load32, Self.major, Self.context, offset: 4)
        emit(Self.load32, Self.minor, Self.context, offset: 8)
        for exception in policy.exceptions { emit(exception, allow: !policy.allowsByDefault) }
        emit(Self.moveImmediate32, Self.result, immediate: policy.allowsByDefault ? 1 : 0)
        emit(Self.exit)
    }

    /// One exception: tests that jump over its answer, and the answer.
    private mutating func emit(_ exception: DevicePolicy.Exception, allow: Bool) {
        jump(Self.jumpNotEqual, Self.kind, immediate: exception.kind == .block ? 1 : 2)
        if exception.access != .all {
            emit(Self.move32, Self.context, Self.access)
            emit(Self.and32, Self.context, immediate: Int32(exception.access.rawValue))
            if allow {
                // All that is asked for must be allowed.
                jump(Self.jumpNotEqualRegister, Self.context, Self.access)
            } else {
                // One of what is asked for being denied is enough.
                jump(Self.jumpEqual, Self.context)
            }
        }
        if let major = exception.major { jump(Self.jumpNotEqual, Self.major, immediate: Int32(bitPattern: major)) }
        if let minor = exception.minor { jump(Self.jumpNotEqual, Self.minor, immediate: Int32(bitPattern: minor)) }
        emit(Self.moveImmediate32, Self.result, immediate: allow ? 1 : 0)
        emit(Self.exit)
        for at in jumps { instructions[at] |= UInt64(UInt16(instructions.count - at - 1)) << 16 }
        jumps = []
    }

    /// Appends a jump to behind the answer of the exception that is being written.
    private mutating func jump(_ code: UInt8, _ left: UInt8, _ right: UInt8 = 0, immediate: Int32 = 0) {
        jumps.append(instructions.count)
        emit(code, left, right, immediate: immediate)
    }

    /// Appends `struct bpf_insn`: code, registers, offset, immediate, in this machine's byte order.
    private mutating func emit(_ code: UInt8, _ destination: UInt8 = 0, _ source: UInt8 = 0, offset: Int16 = 0, immediate: Int32 = 0) {
        instructions.append(
            UInt64(code) | UInt64(destination | source << 4) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
                | UInt64(UInt32(bitPattern: immediate)) << 32)
    }
}
