// How the fuzzer changes an input that is JSON: at one of its values, as JSON, so that most of what it tries gets past the parser.
// A part of its tries are bytes changed without regard to that.
import Faults
import Glibc
import OCISpec

@_silgen_name("LLVMFuzzerMutate")
func mutateBytes(_ data: UnsafeMutablePointer<UInt8>, _ count: Int, _ room: Int) -> Int

/// The generator SplitMix64: the same seed, the same changes.
struct Chance {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }
    mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }
}

/// Every member that a whole document has, to be put where it was not.
let members: [JSONMember] = {
    guard let path = getenv("CAIS_FUZZ_DOCUMENT"), let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
    guard let document = try? JSON.decode(JSONValue.self, from: bytes) /* none is a poorer dictionary */ else { return [] }
    var found: [JSONMember] = []
    func collect(_ value: JSONValue) {
        switch value {
        case .object(let members):
            found += members
            members.forEach { collect($0.value) }
        case .array(let elements): elements.forEach(collect)
        case .null, .bool, .integer, .unsigned, .number, .string: return
        }
    }
    collect(document)
    return found
}()

let numbers: [JSONValue] = [
    .integer(0), .integer(-1), .integer(1), .integer(65_535), .integer(65_536), .integer(1 << 31), .integer((1 << 31) - 1), .integer(1 << 32), .integer((1 << 32) - 1),
    .integer(.max), .integer(.min), .unsigned(.max), .number(0.5), .number(1e300), .number(-0.0), .integer(9_223_372_036_854_775), .integer(-1_000), .integer(1_000),
]
let strings = [
    "", "/", ".", "..", "/..", "../../../etc", "/proc", "/proc/self/fd/3", "/proc/sys", "/dev", "/dev/null", "//a//./b/", "a\u{0}b", "\n", "\u{1b}[31m", "\u{202e}", "é", "x",
    "net.ipv4.ip_forward", "kernel.shm_rmid_forced", "kernel.core_pattern", "net/../kernel/core_pattern", "net.ipv4+x", "fs.mqueue.msg_max", "user.max_user_namespaces",
    "rbind", "bind", "ro", "remount", "rro", "tmpcopyup", "ridmap", "size=1", "=", "mode=", "shared", "rshared", "private", "cgroup", "proc", "tmpfs", "sysfs",
    "1.0.2", "1.0.2-dev+x", "2.0.0", "1", "0-3,7", "0-4294967295", "9-1", ",", "-", "RLIMIT_NOFILE", "CAP_SYS_ADMIN", "CAP_", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "rwm", "a", "b",
    "c", "2MB", "99999999999999999999GB", "memory.max", "pids.max", "cgroup.procs", "MPOL_BIND",
]

func anyValue(_ chance: inout Chance) -> JSONValue {
    switch chance.below(8) {
    case 0: .null
    case 1: .bool(chance.below(2) == 0)
    case 2: .array([])
    case 3: .object([])
    case 4, 5: chance.pick(numbers)
    case 6: .string(String(repeating: chance.pick(strings), count: chance.below(20) == 0 ? 300 : 1))
    default: members.isEmpty ? .string(chance.pick(strings)) : chance.pick(members).value
    }
}

/// Changes one value, the `place`th in the order of a walk.
func change(_ value: JSONValue, _ place: inout Int, _ chance: inout Chance) -> JSONValue {
    if place == 0 {
        place = -1
        return changed(value, &chance)
    }
    place -= 1
    switch value {
    case .object(var members):
        for index in members.indices where place >= 0 { members[index].value = change(members[index].value, &place, &chance) }
        return .object(members)
    case .array(var elements):
        for index in elements.indices where place >= 0 { elements[index] = change(elements[index], &place, &chance) }
        return .array(elements)
    case .null, .bool, .integer, .unsigned, .number, .string: return value
    }
}

private func changed(_ value: JSONValue, _ chance: inout Chance) -> JSONValue {
    switch value {
    case .object(var list) where chance.below(4) != 0:
        switch chance.below(4) {
        case 0 where !list.isEmpty: list.remove(at: chance.below(list.count))
        case 1 where !list.isEmpty: list.append(chance.pick(list))
        case 2 where !list.isEmpty: list[chance.below(list.count)].name = members.isEmpty ? chance.pick(strings) : chance.pick(members).name
        default: list.append(members.isEmpty ? JSONMember(name: chance.pick(strings), value: anyValue(&chance)) : chance.pick(members))
        }
        return .object(list)
    case .array(var list) where chance.below(4) != 0:
        switch chance.below(4) {
        case 0 where !list.isEmpty: list.remove(at: chance.below(list.count))
        case 1 where !list.isEmpty: list += Array(repeating: chance.pick(list), count: 1 + chance.below(chance.below(10) == 0 ? 200 : 3))
        case 2 where list.count > 1: list.swapAt(chance.below(list.count), chance.below(list.count))
        default: list.append(anyValue(&chance))
        }
        return .array(list)
    case .string(let text) where chance.below(3) == 0:
        return .string(chance.below(2) == 0 ? text + chance.pick(strings) : String(text.prefix(chance.below(text.count + 1))))
    case .object, .array, .string, .null, .bool, .integer, .unsigned, .number: return anyValue(&chance)
    }
}

func count(_ value: JSONValue) -> Int {
    switch value {
    case .object(let members): members.reduce(1) { $0 + count($1.value) }
    case .array(let elements): elements.reduce(1) { $0 + count($1) }
    case .null, .bool, .integer, .unsigned, .number, .string: 1
    }
}

@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ room: Int, _ seed: UInt32) -> Int {
    var chance = Chance(state: UInt64(seed))
    guard chance.below(8) != 0, var value = try? JSON.decode(JSONValue.self, from: Array(UnsafeBufferPointer(start: data, count: size))) else {
        return mutateBytes(data, size, room)  // what is no JSON any more is changed as bytes
    }
    for _ in 0...chance.below(4) {
        var place = chance.below(count(value))
        value = change(value, &place, &chance)
    }
    guard let bytes = try? JSON.encode(value), bytes.count <= room else { return mutateBytes(data, size, room) }
    data.update(from: bytes, count: bytes.count)
    return bytes.count
}
