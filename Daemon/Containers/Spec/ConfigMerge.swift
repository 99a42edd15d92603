// ConfigMerge owns what a container's configuration becomes when its image presets some of it.
import EngineAPI
import Faults
import OCISpec

/// Puts a request on top of an image's presets.
enum ConfigMerge {
    /// The merged configuration.
    /// - Throws: `invalidArgument` where neither says what to run.
    static func merge(_ wanted: ContainerConfig, image: ImageConfig.Execution?) throws(Fault) -> ContainerConfig {
        var result = wanted
        if let image {
            if result.user.isEmpty { result.user = image.user ?? "" }
            if result.workingDir.isEmpty { result.workingDir = image.workingDir ?? "" }
            if result.stopSignal?.isEmpty ?? true { result.stopSignal = image.stopSignal }
            if result.shell?.isEmpty ?? true { result.shell = image.shell }
            result.healthcheck = HealthPlan.merge(wanted.healthcheck, image: image.healthcheck)
            result.env = environment(wanted.env ?? [], preset: image.env ?? [])
            result.labels = (image.labels ?? [:]).merging(wanted.labels ?? [:]) { $1 }
            if let ports = image.exposedPorts { result.exposedPorts = (wanted.exposedPorts ?? [:]).merging(ports) { own, _ in own } }
            if let volumes = image.volumes, !volumes.isEmpty { result.volumes = (wanted.volumes ?? [:]).merging(volumes) { own, _ in own } }
            if (wanted.entrypoint ?? []).isEmpty {
                if (wanted.cmd ?? []).isEmpty { result.cmd = image.cmd }
                if wanted.entrypoint == nil { result.entrypoint = image.entrypoint }
            }
        }
        if result.entrypoint == [""] { result.entrypoint = nil }
        guard !(result.entrypoint ?? []).isEmpty || !(result.cmd ?? []).isEmpty else {
            throw Fault(.invalidArgument, "no command specified")
        }
        return result
    }

    /// The image's variables that the request does not set, behind those it does.
    private static func environment(_ wanted: [String], preset: [String]) -> [String] {
        let names = Set(wanted.map(name))
        return wanted + preset.filter { !names.contains(name($0)) }
    }

    /// A process's environment: `base` changed and extended by `own`; a name without a value takes
    /// the variable away.
    static func override(_ base: [String], with own: [String]) -> [String] {
        var order: [String] = []
        var values: [String: String?] = [:]
        for entry in base + own {
            let name = name(entry)
            if values[name] == nil { order.append(name) }
            values[name] = .some(entry.utf8.contains(UInt8(ascii: "=")) ? entry : nil)
        }
        return order.compactMap { values[$0] ?? nil }
    }

    private static func name(_ entry: String) -> String {
        entry.firstIndex(of: "=").map { String(entry[..<$0]) } ?? entry
    }
}
