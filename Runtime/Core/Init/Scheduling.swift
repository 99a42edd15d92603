// Scheduling owns the translation of `process.scheduler` (sched_setattr(2)) and of
// `process.execCPUAffinity` (sched_setaffinity(2)) for the kernel.
import CLinux
import Faults
import Linux
import OCISpec

enum Scheduling {
    static func apply(_ scheduler: RuntimeSpec.Scheduler) throws(Fault) {
        let policy: UInt32
        switch scheduler.policy {
        case .other: policy = 0
        case .fifo: policy = 1
        case .roundRobin: policy = 2
        case .batch: policy = 3
        case .iso: throw Fault(.unsupported, "process.scheduler.policy SCHED_ISO is not implemented by Linux")
        case .idle: policy = 5
        case .deadline: policy = 6
        }
        var flags: UInt64 = 0
        for flag in scheduler.flags ?? [] { flags |= bit(flag) }
        let result = cais_sched_setattr(
            0, policy, flags, scheduler.nice ?? 0, UInt32(bitPattern: scheduler.priority ?? 0), scheduler.runtime ?? 0,
            scheduler.deadline ?? 0, scheduler.period ?? 0)
        if result != 0 { throw Fault(Errno.current, "set scheduler") }
    }

    /// Keeps the calling process to the processors of a list that ``Validation`` has seen; an
    /// empty one, as an absent one, changes nothing. `name` is the list's in `process.execCPUAffinity`.
    static func keep(to list: String?, _ name: String) throws(Fault) {
        guard let list, !list.isEmpty, let processors = ProcessorSet(list) else { return }
        try attempt("set execCPUAffinity.\(name) \(list)") { () throws(Errno) in try processors.apply() }
    }

    private static func bit(_ flag: RuntimeSpec.SchedulerFlag) -> UInt64 {
        switch flag {
        case .resetOnFork: 0x01
        case .reclaim: 0x02
        case .deadlineOverrun: 0x04
        case .keepPolicy: 0x08
        case .keepParameters: 0x10
        case .utilClampMin: 0x20
        case .utilClampMax: 0x40
        }
    }
}
