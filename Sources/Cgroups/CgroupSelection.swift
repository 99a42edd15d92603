import Faults

/// Which cgroup beneath a container's an added process enters: one path for all hierarchies, or
/// one for each of some controllers (v1). Checked so that no part of it leads above the container's.
package struct CgroupSelection: Hashable, Sendable {
    /// For all hierarchies; empty is the container's own.
    private(set) var common: [String] = []
    /// By controller, or a v1 hierarchy's name as `name=…`.
    private(set) var byController: [String: [String]] = [:]

    /// Whether it is the container's own cgroup everywhere.
    package var isOwn: Bool { common.isEmpty && byController.isEmpty }

    /// Reads the values of exec's --cgroup: `path`, or `controller[,controller…]:path` as often as needed.
    /// - Throws: `.invalidArgument` for `..`, for a controller named twice, and for a path without
    ///   a controller beside others.
    package init(parsing values: [String]) throws(Fault) {
        for value in values {
            let invalid = { (reason: String) in Fault(.invalidArgument, reason, trail: ["invalid --cgroup argument: \(value)"]) }
            let parts = value.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let path = parts.last, !path.contains(":") else { throw invalid("more than one colon") }
            let components = path.split(separator: "/").map(String.init).filter { $0 != "." }
            guard !components.contains("..") else { throw invalid("it is not beneath the container's cgroup") }
            guard path.utf8.allSatisfy({ $0 != 0 && $0 != 0x0A }) else { throw invalid("a control character is not allowed") }
            if parts.count == 1 {
                guard values.count == 1 else { throw invalid("missing <controller>: prefix") }
                common = components
                continue
            }
            for controller in parts[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
                guard !controller.isEmpty else { throw invalid("a controller has no name") }
                guard byController[controller] == nil else { throw invalid("controller \(controller) is given twice") }
                byController[controller] = components
            }
        }
    }

    /// The path beneath the container's cgroup in the hierarchy with these controllers.
    func components(of controllers: [String]) throws(Fault) -> [String] {
        var chosen: [String]?
        for controller in controllers {
            guard let path = byController[controller] else { continue }
            guard chosen == nil || chosen == path else {
                throw Fault(.invalidArgument, "controllers of one hierarchy (\(controllers.joined(separator: ","))) cannot be in two cgroups")
            }
            chosen = path
        }
        return chosen ?? common
    }
}
