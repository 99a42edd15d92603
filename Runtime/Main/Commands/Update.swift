// update: other limits for a running container.
import CLinux
import Faults
import Flags
import Linux
import OCISpec
import RuntimeCore

extension CommandTable {
    /// runc's flags, and for tools written for older ones those whose limits kernels no longer have.
    static var updateFlags: [Flag] {
        [
            .string("resources", short: "r", value: "file", candidates: .files, "File with limits as in linux.resources, - for standard input; other flags are then ignored"),
            .string("blkio-weight", value: "weight", "Weight for block devices, 10 to 1000"),
            .string("cpu-period", value: "us", "Period of the processor quota, in microseconds"),
            .string("cpu-quota", value: "us", "Processor time in a period, in microseconds; -1 is no limit"),
            .string("cpu-burst", value: "us", "Unused quota that may be saved up, in microseconds"),
            .string("cpu-share", value: "shares", "Weight for processor time, 2 to 262144"),
            .string("cpu-rt-period", value: "us", "Period of realtime tasks, in microseconds (cgroup v1)"),
            .string("cpu-rt-runtime", value: "us", "Time of realtime tasks in a period, in microseconds (cgroup v1)"),
            .string("cpuset-cpus", value: "list", "Processors, such as 0-2,7"),
            .string("cpuset-mems", value: "list", "Memory nodes, such as 0-1"),
            .string("cpu-idle", value: "0|1", "1: run only when no other cgroup wants to"),
            .string("memory", value: "bytes", "Memory, such as 512M; -1 is no limit"),
            .string("memory-reservation", value: "bytes", "Memory that is taken away last, such as 256M; -1 is none or all"),
            .string("memory-swap", value: "bytes", "Memory and swap together; -1 is no limit of swap"),
            .string("kernel-memory-tcp", value: "bytes", hidden: true, "Memory of TCP buffers (cgroup v1)"),
            .string("pids-limit", value: "count", "Processes and threads; -1 is no limit"),
        ]
    }
}

func update(_ arguments: Arguments, _ settings: Settings) throws(Fault) {
    // A name that nobody has is said at once, and nothing is locked while a document on standard input takes its time.
    _ = try settings.store.record(arguments.positional[0])
    let limits = if let path = arguments.optional("resources") { try resources(at: path) } else { try resources(arguments) }
    try Container.update(arguments.positional[0], limits, store: settings.store, journal: settings.journal)
}

/// The most bytes of a document of limits.
private let documentBytesMax = 1 << 20

private func resources(at path: String) throws(Fault) -> RuntimeSpec.Linux.Resources {
    let name = path == "-" ? "standard input" : path
    let bytes: [UInt8]
    do throws(Errno) {
        if path == "-" {
            bytes = try Files.open("/proc/self/fd/0").readAll(limit: documentBytesMax)
        } else {
            bytes = try Files.open(path).readAll(limit: documentBytesMax)
        }
    } catch { throw Fault(.invalidArgument, "read resources from \(name): \(error)") }
    return try within("resources from \(name)") { () throws(Fault) in try JSON.decode(RuntimeSpec.Linux.Resources.self, from: bytes) }
}

private func resources(_ arguments: Arguments) throws(Fault) -> RuntimeSpec.Linux.Resources {
    var memory = RuntimeSpec.Linux.Resources.Memory()
    memory.limit = try bytes(arguments, "memory")
    memory.reservation = try bytes(arguments, "memory-reservation")
    memory.swap = try bytes(arguments, "memory-swap")
    memory.kernelTCP = try bytes(arguments, "kernel-memory-tcp")
    var cpu = RuntimeSpec.Linux.Resources.CPU()
    cpu.shares = try number(arguments, "cpu-share")
    cpu.quota = try number(arguments, "cpu-quota", isLimit: true)
    cpu.burst = try number(arguments, "cpu-burst")
    cpu.period = try number(arguments, "cpu-period")
    cpu.realtimeRuntime = try number(arguments, "cpu-rt-runtime", isLimit: true)
    cpu.realtimePeriod = try number(arguments, "cpu-rt-period")
    cpu.cpus = arguments.optional("cpuset-cpus")
    cpu.mems = arguments.optional("cpuset-mems")
    cpu.idle = try number(arguments, "cpu-idle")
    let pids: Int64? = try number(arguments, "pids-limit", isLimit: true)
    let weight: UInt16? = try number(arguments, "blkio-weight")
    return .init(memory: memory, cpu: cpu, pids: pids.map { .init(limit: $0) }, blockIO: weight.map { .init(weight: $0) })
}

/// A size such as `512M`; `-1`, `unlimited` and `max` are no limit.
private func bytes(_ arguments: Arguments, _ flag: String) throws(Fault) -> Int64? {
    guard let text = arguments.optional(flag), !text.isEmpty else { return nil }
    if isUnlimited(text) { return -1 }
    guard let bytes = SizeText.bytes(text) else { throw Fault(.invalidArgument, "invalid value for \(flag): invalid size: '\(text)'") }
    return bytes
}

private func number<Value: FixedWidthInteger>(_ arguments: Arguments, _ flag: String, isLimit: Bool = false) throws(Fault) -> Value? {
    guard let text = arguments.optional(flag), !text.isEmpty else { return nil }
    if isLimit, isUnlimited(text) { return Value(truncatingIfNeeded: -1) }
    guard let value = Value(text) else { throw Fault(.invalidArgument, "invalid value for \(flag): \"\(text)\" is not a number that fits") }
    return value
}

private func isUnlimited(_ text: String) -> Bool { text == "-1" || text == "unlimited" || text == "max" }
