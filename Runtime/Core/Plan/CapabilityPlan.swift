// CapabilityPlan owns which capabilities a program gets: what was asked, less what this process
// does not have and so cannot give.
import Linux
import OCISpec

struct CapabilityPlan: Hashable, Sendable {
    var bounding: CapabilitySet = []
    var effective: CapabilitySet = []
    var permitted: CapabilitySet = []
    var inheritable: CapabilitySet = []
    var ambient: CapabilitySet = []
    /// What was asked and cannot be given, one sentence each.
    var warnings: [String] = []

    /// - Parameters:
    ///   - wanted: as configured; absent means none at all.
    ///   - held: those this process may give.
    static func make(_ wanted: RuntimeSpec.Capabilities?, held: CapabilitySet) -> CapabilityPlan {
        var plan = CapabilityPlan()
        // A set, since a configuration can name very many; mostly there is none, and then it costs nothing.
        var unknown: Set<String> = []
        func set(_ names: [String]?) -> CapabilitySet {
            var result: CapabilitySet = []
            for name in names ?? [] {
                if let one = CapabilitySet(name: name) { result.formUnion(one) } else { unknown.insert(name) }
            }
            return result
        }
        let permitted = set(wanted?.permitted)
        plan.bounding = set(wanted?.bounding)
        plan.permitted = permitted.intersection(held)
        plan.effective = set(wanted?.effective).intersection(plan.permitted)
        plan.inheritable = set(wanted?.inheritable).intersection(held)
        plan.ambient = set(wanted?.ambient).intersection(plan.permitted).intersection(plan.inheritable)
        if !unknown.isEmpty { plan.warnings.append("unknown capabilities are left out: \(unknown.sorted().joined(separator: " "))") }
        let missing = permitted.subtracting(held)
        if !missing.isEmpty {
            plan.warnings.append("capabilities that this process does not have are left out: \(missing.names.joined(separator: " "))")
        }
        return plan
    }
}
