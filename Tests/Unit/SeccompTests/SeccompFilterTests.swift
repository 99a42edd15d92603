import CLinux
import Faults
import Linux
import OCISpec
import Testing

@testable import Seccomp

/// Runs a filter as the kernel's classic BPF machine does.
struct FilterMachine {
    let program: [UInt8]

    static let x86_64: UInt32 = 0xC000_003E
    static let i386: UInt32 = 0x4000_0003

    func run(_ number: Int, _ arguments: [UInt64] = [], architecture: UInt32 = x86_64) -> UInt32? {
        var data = [UInt8](repeating: 0, count: 64)
        func put(_ value: some FixedWidthInteger, at offset: Int) {
            withUnsafeBytes(of: value.littleEndian) { data.replaceSubrange(offset..<offset + $0.count, with: $0) }
        }
        put(Int32(truncatingIfNeeded: number), at: 0)
        put(architecture, at: 4)
        for (index, argument) in arguments.enumerated() { put(argument, at: 16 + 8 * index) }
        let word = { (bytes: [UInt8], offset: Int) in (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) } }
        var accumulator: UInt32 = 0
        var at = 0
        while at * 8 < program.count {
            let code = UInt16(program[at * 8]) | UInt16(program[at * 8 + 1]) << 8
            let (yes, no) = (Int(program[at * 8 + 2]), Int(program[at * 8 + 3]))
            let constant = word(program, at * 8 + 4)
            at += 1
            switch code {
            case 0x20: accumulator = word(data, Int(constant))
            case 0x54: accumulator &= constant
            case 0x05: at += Int(constant)
            case 0x15: at += accumulator == constant ? yes : no
            case 0x25: at += accumulator > constant ? yes : no
            case 0x35: at += accumulator >= constant ? yes : no
            case 0x45: at += accumulator & constant != 0 ? yes : no
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
            let machine = try Self.machine(Seccomp(defaultAction: .errno, defaultErrnoRet: 99, syscalls: [.init(names: ["getpid"], action: action, errnoRet: errno)]))
            #expect(machine.run(39) == value, "\(action)")
            #expect(machine.run(40) == 0x0005_0063)
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
            Seccomp(defaultAction: .allow, syscalls: [.init(names: ["write"], action: .notify)]),
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
        let asking = Seccomp(defaultAction: .allow, flags: [.tsync, .waitKillable], syscalls: [.init(names: ["mount"], action: .notify)])
        #expect(try SeccompFilter.compile(asking).flags == 0b111001)
        #expect(try SeccompFilter.compile(asking).hasListener)
    }
}
