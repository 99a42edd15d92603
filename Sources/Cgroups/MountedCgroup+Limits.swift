import CLinux
import Faults
import Linux
import OCISpec

/// Limits and device rules, of a new cgroup and of one in use.
extension MountedCgroup {
    func apply(_ resources: RuntimeSpec.Linux.Resources) throws(Fault) {
        do throws(Fault) { try applyWhereMade(resources) } catch {
            guard error.kind == .unsupported, let refused else { throw error }
            throw Fault(.forbidden, "\(error.reason) that may be used: \(refused)", errno: refused.errno, trail: error.trail)
        }
    }

    private func applyWhereMade(_ resources: RuntimeSpec.Linux.Resources) throws(Fault) {
        let steps = try ResourcePlan(version: version(of:), hasUnified: unified != nil).steps(for: resources)
        if resources.memory?.checkBeforeUpdate == true, let limit = resources.memory?.limit, limit > 0 { try checkUse(below: limit) }
        try CgroupPerformer(directory: directory(of:)).perform(steps)
    }

    func apply(devices rules: [RuntimeSpec.Linux.Resources.DeviceRule]) throws(Fault) {
        try apply(try within("device rules") { () throws(Fault) in try DevicePolicy(rules) })
    }

    private func apply(_ policy: DevicePolicy) throws(Fault) {
        if directory(of: "devices") != nil {
            try CgroupPerformer(directory: directory(of:)).perform(LegacyPlan.devices(policy))
        } else if let unified {
            try UnifiedDevices.attach(policy, to: unified)
        } else {
            throw Fault.missing("devices")
        }
    }

    func update(_ update: ResourceUpdate) throws(Fault) {
        try update.check()
        let written = update.written
        let steps = try ResourcePlan(version: version(of:), hasUnified: unified != nil).steps(for: written) + lifting(written)
        let policies = try written.devices.map { rules throws(Fault) in
            try within("device rules") { () throws(Fault) in (new: try DevicePolicy(rules), old: try DevicePolicy(update.devicesBefore)) }
        }
        if written.memory?.checkBeforeUpdate == true, let limit = written.memory?.limit, limit > 0 { try checkUse(below: limit) }
        let journal = CgroupJournal()
        do throws(Fault) {
            try CgroupPerformer(directory: directory(of:), journal: journal).perform(steps)
            if let policies { try change(policies.new, from: policies.old) }
        } catch {
            journal.takeBack()
            throw error
        }
    }

    private func change(_ policy: DevicePolicy, from old: DevicePolicy) throws(Fault) {
        guard directory(of: "devices") != nil else { return try apply(policy) }
        do throws(Fault) {
            try CgroupPerformer(directory: directory(of:)).perform(LegacyPlan.devices(policy, from: old))
        } catch {
            // As in the journal: the failure that led here is the one to report.
            try? CgroupPerformer(directory: directory(of:)).perform(LegacyPlan.devices(old))
            throw error
        }
    }

    /// What was switched on at creation and is now switched off. A new cgroup has nothing of that kind.
    private func lifting(_ resources: RuntimeSpec.Linux.Resources) -> [CgroupStep] {
        guard resources.memory?.disableOOMKiller == false, version(of: "memory") == .v1 else { return [] }
        return [.write(CgroupWrite("memory", "memory.oom_control", 0))]
    }

    private func checkUse(below limit: Int64) throws(Fault) {
        guard let directory = directory(of: "memory") else { return }
        let file = directory.place.version == .v1 ? "memory.usage_in_bytes" : "memory.current"
        let used = try doing("read \(file)", directory) { () throws(Errno) in try directory.readNumber(file) } ?? 0
        guard used <= UInt64(limit) else {
            throw Fault(.invalidArgument, "memory limit too small: \(limit) bytes are asked for and \(used) bytes are in use")
        }
    }
}
