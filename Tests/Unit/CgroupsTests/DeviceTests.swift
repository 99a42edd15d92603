import Faults
import OCISpec
import Testing

@testable import Cgroups

@Suite struct DeviceTests {
    typealias Rule = RuntimeSpec.Linux.Resources.DeviceRule

    /// What a container's process asks the kernel for.
    struct Request: Hashable {
        let kind: DevicePolicy.Kind
        let major: UInt32
        let minor: UInt32
        let access: DevicePolicy.Access
    }

    /// The meaning of a policy, as the v1 kernel defines it.
    static func allows(_ policy: DevicePolicy, _ request: Request) -> Bool {
        for exception in policy.exceptions where exception.kind == request.kind {
            guard exception.major == nil || exception.major == request.major, exception.minor == nil || exception.minor == request.minor else { continue }
            if policy.allowsByDefault {
                if !exception.access.isDisjoint(with: request.access) { return false }
            } else if exception.access.isSuperset(of: request.access) {
                return true
            }
        }
        return policy.allowsByDefault
    }

    /// Runs a program as the kernel's BPF machine does, for the instructions it uses.
    static func run(_ program: DeviceProgram, _ request: Request) -> UInt64? {
        let context: [UInt32] = [UInt32(request.access.rawValue) << 16 | (request.kind == .block ? 1 : 2), request.major, request.minor]
        var registers = [UInt64](repeating: 0, count: 11)
        var scratchedContext = false
        var at = 0
        while program.instructions.indices.contains(at) {
            let word = program.instructions[at]
            let destination = Int(word >> 8 & 15)
            let source = Int(word >> 12 & 15)
            let offset = Int(Int16(truncatingIfNeeded: word >> 16))
            let immediate = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: word >> 32)))
            at += 1
            switch UInt8(truncatingIfNeeded: word) {
            case 0x61:
                if scratchedContext { return nil }
                registers[destination] = UInt64(context[offset / 4])
            case 0x54: registers[destination] = (registers[destination] & immediate) & 0xFFFF_FFFF
            case 0x74: registers[destination] = (registers[destination] & 0xFFFF_FFFF) >> immediate
            case 0xBC:
                registers[destination] = registers[source] & 0xFFFF_FFFF
                if destination == 1 { scratchedContext = true }
            case 0xB4: registers[destination] = immediate & 0xFFFF_FFFF
            case 0x55: if registers[destination] != immediate { at += offset }
            case 0x5D: if registers[destination] != registers[source] { at += offset }
            case 0x15: if registers[destination] == immediate { at += offset }
            case 0x95: return registers[0]
            case _: return nil
            }
        }
        return nil
    }

    static let requests: [Request] = [DevicePolicy.Kind.character, .block].flatMap { kind in
        [(1, 3), (1, 5), (5, 1), (8, 0), (10, 200), (10, 229), (136, 7), (4_095, 1_048_575)].flatMap { major, minor in
            (1...7).map { Request(kind: kind, major: UInt32(major), minor: UInt32(minor), access: .init(rawValue: UInt8($0))) }
        }
    }

    static let ruleSets: [[Rule]] = [
        [], [Rule(allow: false, access: "rwm")], [Rule(allow: true, access: "rwm")], [Rule(allow: true, type: "a")],
        [Rule(allow: false), Rule(allow: true, type: "c", major: 10, minor: 229, access: "r"), Rule(allow: true, type: "c", major: 10, minor: 229, access: "w")],
        [Rule(allow: false), Rule(allow: true, type: "b", major: 8, access: "rm"), Rule(allow: false, type: "b", major: 8, access: "m")],
        [Rule(allow: true), Rule(allow: false, type: "c", major: 10, minor: 200, access: "rwm"), Rule(allow: false, type: "b", access: "w")],
        [Rule(allow: true), Rule(allow: false, type: "c", major: 10, minor: 200), Rule(allow: true, type: "c", major: 10, minor: 200, access: "r")],
        [Rule(allow: true, type: "c", major: 5, minor: 1), Rule(allow: false)], [Rule(allow: true, type: "c", major: -1, minor: -1, access: "r")],
        [Rule(allow: true, type: "a", major: 10, minor: 200, access: "rw")], [Rule(allow: false), Rule(allow: true, access: "r")],
    ]

    @Test("the program of v2 answers every request as the rules of v1 do", arguments: ruleSets)
    func sameMeaning(_ rules: [Rule]) throws {
        let policy = try DevicePolicy(rules)
        let program = DeviceProgram(policy)
        for request in Self.requests { #expect(Self.run(program, request) == (Self.allows(policy, request) ? 1 : 0), "\(request)") }
    }

    @Test("nothing is allowed that no rule allows, save what every container has")
    func defaults() throws {
        let policy = try DevicePolicy([])
        let may = { (kind: DevicePolicy.Kind, major: UInt32, minor: UInt32, access: DevicePolicy.Access) in
            Self.allows(policy, Request(kind: kind, major: major, minor: minor, access: access))
        }
        #expect(may(.character, 1, 3, .all) && may(.character, 136, 0, .all) && may(.block, 8, 0, .mknod))
        #expect(!may(.block, 8, 0, .read) && !may(.character, 10, 229, .write) && !may(.character, 1, 1, .read))
    }

    @Test("a rule about all devices forgets those before it, and rules about one device add up")
    func order() throws {
        #expect(try DevicePolicy([Rule(allow: true, type: "c", major: 5, minor: 1), Rule(allow: true)]).exceptions.isEmpty)
        let policy = try DevicePolicy([Rule(allow: true, type: "c", major: 9, minor: 9, access: "r"), Rule(allow: true, type: "c", major: 9, minor: 9, access: "w")])
        #expect(policy.exceptions.first?.description == "c 9:9 rw")
    }

    @Test("a hole in a wider rule is refused: the v1 kernel would forget it; taking back what was given is not one")
    func holes() throws {
        let wide = Rule(allow: true, type: "c", major: 60, access: "rw")
        for hole in [Rule(allow: false, type: "c", major: 60, minor: 5), Rule(allow: false, type: "c", major: 60, minor: 5, access: "w")] {
            #expect { try DevicePolicy([Rule(allow: false), wide, hole]) } throws: { ($0 as? Fault)?.reason.contains("would be a hole in \"c 60:* rw\"") == true }
        }
        #expect { try DevicePolicy([Rule(allow: true), Rule(allow: false, type: "b"), Rule(allow: true, type: "b", major: 8, minor: 0)]) } throws: { $0 is Fault }
        let same = try DevicePolicy([Rule(allow: false), wide, Rule(allow: false, type: "c", major: 60, access: "w")])
        #expect(same.exceptions.first?.description == "c 60:* r")
        // Making nodes gives no access; engines allow it for all devices and then deny single ones.
        #expect(throws: Never.self) { try DevicePolicy([Rule(allow: true, type: "c", access: "m"), Rule(allow: false, type: "c", major: 10, minor: 229)]) }
    }

    @Test("v1 takes all away, or gives all, before the exceptions")
    func legacy() throws {
        let steps = LegacyPlan.devices(try DevicePolicy([Rule(allow: true), Rule(allow: false, type: "b", major: 8)])).map(PlanTests.line)
        #expect(steps == ["devices.allow=a", "devices.deny=[b 8:* rwm]"])
        #expect(LegacyPlan.devices(try DevicePolicy([])).map(PlanTests.line).first == "devices.deny=a")
    }

    @Test("malformed rules are refused", arguments: [Rule(allow: true, type: "x"), Rule(allow: true, access: "rx"), Rule(allow: true, type: "c", major: 1 << 40)])
    func refused(_ rule: Rule) {
        #expect { try DevicePolicy([rule]) } throws: { ($0 as? Fault)?.kind == .invalidArgument }
    }
}
