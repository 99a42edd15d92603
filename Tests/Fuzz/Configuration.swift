// One input: bytes that claim to be config.json. Reading them ends, with a value or a fault; both ways of reading agree; what was
// read is written and read again. Then everything that create decides before it does anything is decided, and nothing of that
// leads out of where it belongs.
@testable import Cgroups
import Faults
import Linux
import OCISpec
@testable import RuntimeCore
@testable import Seccomp

func readGenerally<T: Decodable>(_ type: T.Type, _ bytes: [UInt8]) throws -> T { try JSON.decode(type, from: bytes) }

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    var directly: RuntimeSpec?
    do { directly = try JSON.decode(RuntimeSpec.self, from: bytes) } catch { precondition(error.kind == .invalidArgument || error.kind == .tooLarge) }
    // Only whether there is a value matters here; and only the direct way refuses NUL bytes, which no C string can hold.
    precondition((directly == nil && namesNUL(bytes)) || (try? readGenerally(RuntimeSpec.self, bytes)) == directly, "the two ways of reading differ")
    if let directly {
        check(directly)
        decide(directly)
    }
    if let value = try? JSON.decode(JSONValue.self, from: bytes) { check(value) }
    return 0
}

func check<T: Codable & Equatable>(_ value: T) {
    do {
        let again = try JSON.decode(T.self, from: JSON.encode(value, pretty: true, sortedKeys: false), limits: JSONLimits(bytesMax: 1 << 30))
        precondition(again == value, "what was written is not what was read")
    } catch {
        preconditionFailure("what was read cannot be written and read again: \(error)")
    }
}

/// Whether the document has a NUL byte in a string or a name; it can only stand there as an escape.
func namesNUL(_ bytes: [UInt8]) -> Bool {
    let escape = Array("\\u0000".utf8)
    return bytes.indices.contains { bytes[$0...].starts(with: escape) }
}

/// Whether a path is absolute and has no part that leads up.
func isClean(_ path: String) -> Bool { path.hasPrefix("/") && path != "/" && path.split(separator: "/").allSatisfy { $0 != ".." && $0 != "." } }

func decide(_ spec: RuntimeSpec) {
    // A refusal is an answer; that it is one sentence with a kind is what a fault is.
    if let plan = try? ContainerPlan.make(id: "fuzz", spec: spec, bundle: "/bundle") {
        for mount in plan.mounts { precondition(isClean(mount.destination) && !mount.name.isEmpty) }
        for path in plan.maskedPaths + plan.readOnlyPaths { precondition(isClean(path)) }
        for device in plan.devices?.devices ?? [] { precondition(isClean(device.path)) }
        for sysctl in plan.sysctls { precondition(isClean("/" + sysctl.path) && sysctl.path.hasPrefix("sys/")) }
        precondition(plan.namespaces.cloned.isSubset(of: plan.namespaces.all))
        _ = CapabilityPlan.make(spec.process?.capabilities, held: CapabilitySet(rawValue: .max))
    }
    if let path = try? CgroupPath(parsing: spec.linux?.cgroupsPath, id: "fuzz") {
        precondition(!path.components.isEmpty && path.components.allSatisfy { $0 != ".." && $0 != "." && !$0.contains("/") })
    }
    if let resources = spec.linux?.resources {
        for version in [CgroupVersion.v1, .v2] { _ = try? ResourcePlan(version: { _ in version }, hasUnified: version == .v2).steps(for: resources) }
        if let policy = try? DevicePolicy(resources.devices ?? []) { _ = LegacyPlan.devices(policy) }
    }
    // Compiling is milliseconds of libseccomp: a small one is as good.
    if let profile = spec.linux?.seccomp, (profile.syscalls ?? []).reduce(0, { $0 + $1.names.count * max(1, $1.args?.count ?? 0) }) < 8 {
        if let filter = try? SeccompFilter.compile(profile) { precondition(filter.program.count / 8 <= SeccompFilter.instructionsMax) }
    }
}
