import CLinux
import Faults
import Linux
import OCISpec
import Testing

@testable import Seccomp

/// Runs a filter as the kernel's classic BPF machine does.
struct FilterMachine {
    private struct Instruction {
        let code: UInt16
        let yes: Int
        let no: Int
        let constant: UInt32
    }

    private let instructions: [Instruction]

    static let x86_64: UInt32 = 0xC000_003E
    static let i386: UInt32 = 0x4000_0003

    init(program: [UInt8]) {
        instructions = stride(from: 0, to: program.count, by: 8).map { at in
            let constant = (0..<4).reduce(UInt32(0)) { $0 | UInt32(program[at + 4 + $1]) << (8 * UInt32($1)) }
            return Instruction(
                code: UInt16(program[at]) | UInt16(program[at + 1]) << 8, yes: Int(program[at + 2]), no: Int(program[at + 3]), constant: constant)
        }
    }

    /// The decision about a call; nil for an instruction that no filter has.
    func run(_ number: Int, _ arguments: [UInt64] = [], architecture: UInt32 = x86_64) -> UInt32? {
        // struct seccomp_data as words: number, architecture, instruction pointer, arguments.
        var data = [UInt32](repeating: 0, count: 16)
        data[0] = UInt32(truncatingIfNeeded: number)
        data[1] = architecture
        for (index, argument) in arguments.enumerated() {
            data[4 + 2 * index] = UInt32(truncatingIfNeeded: argument)
            data[5 + 2 * index] = UInt32(truncatingIfNeeded: argument >> 32)
        }
        var accumulator: UInt32 = 0
        var at = 0
        while at < instructions.count {
            let instruction = instructions[at]
            let constant = instruction.constant
            at += 1
            switch instruction.code {
            case 0x20: accumulator = data[Int(constant) / 4]
            case 0x54: accumulator &= constant
            case 0x05: at += Int(constant)
            case 0x15: at += accumulator == constant ? instruction.yes : instruction.no
            case 0x25: at += accumulator > constant ? instruction.yes : instruction.no
            case 0x35: at += accumulator >= constant ? instruction.yes : instruction.no
            case 0x45: at += accumulator & constant != 0 ? instruction.yes : instruction.no
            case 0x06: return constant
            case _: return nil
            }
        }
        return nil
    }
}

#if arch(x86_64)
    private let isX86 = true
#else
    private let isX86 = false
#endif

@Suite(.enabled(if: isX86, "the system calls' numbers here are x86_64's"))
struct SeccompFilterTests {
    typealias Seccomp = RuntimeSpec.Linux.Seccomp

    static let allow: UInt32 = 0x7FFF_0000
    static let eperm: UInt32 = 0x0005_0001

    static func machine(_ profile: Seccomp) throws -> FilterMachine { FilterMachine(program: try SeccompFilter.compile(profile).program) }

    /// The filter an engine gives by default.
    static func fixture() throws -> Seccomp {
        let tests = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let spec = try JSON.decode(RuntimeSpec.self, from: Files.read("/\(tests)/Support/Fixtures/config.json"))
        return try #require(spec.linux?.seccomp)
    }

    @Test("each action is what the kernel knows by it")
    func actions() throws {
        let actions: [(RuntimeSpec.Linux.SeccompAction, UInt32?, UInt32)] = [
            (.allow, nil, Self.allow), (.errno, nil, Self.eperm), (.errno, 38, 0x0005_0026), (.trap, nil, 0x0003_0000), (.trace, 7, 0x7FF0_0007),
            (.kill, nil, 0), (.killThread, nil, 0), (.killProcess, nil, 0x8000_0000), (.log, nil, 0x7FFC_0000), (.notify, nil, 0x7FC0_0000),
        ]
        for (action, errno, value) in actions {
            let rules = [RuntimeSpec.Linux.SeccompRule(names: ["getpid"], action: action, errnoRet: errno)]
            let machine = try Self.machine(Seccomp(defaultAction: .errno, defaultErrnoRet: 99, listenerPath: "/agent", syscalls: rules))
            #expect(machine.run(39) == value, "\(action)")
            #expect(machine.run(38) == 0x0005_0063)
        }
    }

    @Test(
        "each comparison compares all 64 bits",
        arguments: [
            (.equal, 1 << 40, nil, [(1 << 40, true), (0, false), (1 << 40 | 1, false)]), (.notEqual, 5, nil, [(5, false), (4, true), (5 | 1 << 32, true)]),
            (.lessThan, 1 << 33, nil, [((1 << 33) - 1, true), (1 << 33, false)]), (.lessOrEqual, 7, nil, [(7, true), (8, false), (1 << 35, false)]),
            (.greaterThan, 7, nil, [(7, false), (8, true), (1 << 35, true)]), (.greaterOrEqual, 1 << 34, nil, [(1 << 34, true), ((1 << 34) - 1, false)]),
            (.maskedEqual, 0xF0, 0x20, [(0x2F, true), (0x3F, false), (1 << 40 | 0x20, true)]),
        ] as [(RuntimeSpec.Linux.SeccompOperator, UInt64, UInt64?, [(UInt64, Bool)])])
    func comparisons(_ operation: RuntimeSpec.Linux.SeccompOperator, _ value: UInt64, _ second: UInt64?, _ cases: [(UInt64, Bool)]) throws {
        let argument = RuntimeSpec.Linux.SeccompArgument(index: 2, value: value, valueTwo: second, op: operation)
        let machine = try Self.machine(Seccomp(defaultAction: .errno, syscalls: [.init(names: ["ioctl"], action: .allow, args: [argument])]))
        for (argument, isAllowed) in cases { #expect(machine.run(16, [0, 0, argument]) == (isAllowed ? Self.allow : Self.eperm), "\(argument)") }
    }

    @Test("conditions on several arguments must all hold, two on one argument are alternatives")
    func conditions() throws {
        let both = try Self.machine(
            Seccomp(defaultAction: .errno, syscalls: [.init(names: ["socket"], action: .allow, args: [.init(index: 0, value: 1, op: .equal), .init(index: 1, value: 2, op: .equal)])]))
        #expect(both.run(41, [1, 2]) == Self.allow && both.run(41, [1, 3]) == Self.eperm)
        let either = try Self.machine(
            Seccomp(defaultAction: .errno, syscalls: [.init(names: ["socket"], action: .allow, args: [.init(index: 0, value: 1, op: .equal), .init(index: 0, value: 2, op: .equal)])]))
        #expect(either.run(41, [1]) == Self.allow && either.run(41, [2]) == Self.allow && either.run(41, [3]) == Self.eperm)
    }

    @Test("an engine's default filter allows what programs need and forbids what breaks out")
    func defaultProfile() throws {
        let machine = try Self.machine(Self.fixture())
        for (name, number) in [("read", 0), ("execve", 59), ("openat", 257), ("futex", 202), ("exit_group", 231)] { #expect(machine.run(number) == Self.allow, "\(name)") }
        for (name, number) in [("mount", 165), ("bpf", 321), ("kexec_load", 246), ("init_module", 175), ("unshare", 272), ("reboot", 169)] {
            #expect(machine.run(number) == Self.eperm, "\(name)")
        }
        // A namespace is not made by clone either, and by clone3, whose flags nobody can see, nothing is.
        #expect(machine.run(56, [0]) == Self.allow && machine.run(56, [0x1000_0000]) == Self.eperm && machine.run(435) == 0x0005_0026)
        #expect(machine.run(3, architecture: FilterMachine.i386) == Self.allow)
        #expect(machine.run(0, architecture: 0x1234) == 0)
    }

    @Test("the tree of numbers decides as the plain list does, for every number and architecture")
    func search() throws {
        let profile = try Self.fixture()
        let tree = FilterMachine(program: try SeccompCompiler.compile(profile, search: .tree))
        let list = FilterMachine(program: try SeccompCompiler.compile(profile, search: .linear))
        let x32 = 0x4000_0000
        for number in Array(0...500) + Array(x32...x32 + 560) + [-1, 1 << 20, Int(Int32.max)] {
            for architecture in [FilterMachine.x86_64, FilterMachine.i386, 0x4000_0028] {
                let sound = [0, 0x7E02_0000, UInt64.max].allSatisfy { argument in
                    let decision = tree.run(number, [argument, argument], architecture: architecture)
                    return decision != nil && decision == list.run(number, [argument, argument], architecture: architecture)
                }
                #expect(sound, "number \(number), architecture \(architecture)")
            }
        }
    }

    @Test("a call newer than all the profile names is one the kernel does not have, unless the default is no error")
    func newerCalls() throws {
        let enosys: UInt32 = 0x0005_0026
        let machine = try Self.machine(Self.fixture())
        for number in [600, 1_000, Int(Int32.max), 0x4000_0000 + 600] { #expect(machine.run(number) == enosys, "\(number)") }
        #expect(machine.run(600, architecture: FilterMachine.i386) == enosys)
        #expect(machine.run(600, architecture: 0x1234) == 0)
        let plain = Seccomp(defaultAction: .errno, syscalls: [.init(names: ["getpid", "kill"], action: .allow)])
        let native = try Self.machine(plain)
        #expect(native.run(62) == Self.allow && native.run(61) == Self.eperm && native.run(63) == enosys)
        // x32 is not in the profile: not its calls but its architecture is what is wrong with them.
        #expect(native.run(0x4000_0000 + 600) == 0 && native.run(3, architecture: FilterMachine.i386) == 0)
        for action in [RuntimeSpec.Linux.SeccompAction.allow, .killProcess, .log] {
            let other = try Self.machine(Seccomp(defaultAction: action, syscalls: [.init(names: ["getpid"], action: .trap)]))
            #expect(other.run(600) == other.run(100))
        }
    }

    @Test("an unknown system call is left to the default action, and a rule that changes nothing is no rule")
    func tolerated() throws {
        let rules: [RuntimeSpec.Linux.SeccompRule] = [.init(names: ["flying_carpet", "getpid"], action: .allow), .init(names: ["getppid"], action: .errno)]
        let machine = try Self.machine(Seccomp(defaultAction: .errno, syscalls: rules))
        #expect(machine.run(39) == Self.allow && machine.run(110) == Self.eperm)
    }

    @Test(
        "a profile that contradicts itself is refused",
        arguments: [
            Seccomp(defaultAction: .notify), Seccomp(defaultAction: .allow, defaultErrnoRet: 1), Seccomp(defaultAction: .errno, defaultErrnoRet: 70_000),
            Seccomp(defaultAction: .allow, syscalls: [.init(names: [], action: .errno)]),
            Seccomp(defaultAction: .allow, syscalls: [.init(names: ["a"], action: .kill, errnoRet: 1)]),
            Seccomp(defaultAction: .allow, syscalls: [.init(names: ["mount"], action: .notify)]),
            Seccomp(defaultAction: .allow, syscalls: [.init(names: ["read"], action: .errno, args: [.init(index: 6, value: 0, op: .equal)])]),
            Seccomp(defaultAction: .allow, listenerMetadata: "x"),
        ])
    func refused(_ profile: Seccomp) {
        #expect { try SeccompFilter.compile(profile) } throws: { ($0 as? Fault)?.kind == .invalidArgument }
    }

    @Test("flags are the kernel's, and a listener is asked for only where somebody is asked")
    func flags() throws {
        #expect(try SeccompFilter.compile(Seccomp(defaultAction: .allow, flags: [.log, .specAllow])).flags == 0b110)
        #expect(try SeccompFilter.compile(Seccomp(defaultAction: .allow, flags: [.waitKillable])).flags == 0)
        let asking = Seccomp(defaultAction: .allow, flags: [.tsync, .waitKillable], listenerPath: "/agent", syscalls: [.init(names: ["mount"], action: .notify)])
        #expect(try SeccompFilter.compile(asking).flags == 0b111001)
        #expect(try SeccompFilter.compile(asking).hasListener)
    }
}
