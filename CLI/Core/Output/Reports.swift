import EngineAPI
import OCISpec

/// What `version` prints.
package enum VersionReport {
    /// The client's half, when it speaks `version` with the engine.
    package static func client(_ version: APIVersion) -> JSONValue {
        .row([
            ("Version", Product.version), ("ApiVersion", "\(version)"), ("DefaultAPIVersion", "\(APIVersion.current)"), ("GitCommit", ""),
            ("GoVersion", ""), ("Os", "linux"), ("Arch", Product.architecture), ("BuildTime", ""), ("Context", "default"),
        ])
    }

    /// Both halves as columns.
    package static func text(client: JSONValue, server: JSONValue?) -> String {
        var lines = ["Client: Cais"]
        func add(_ indent: Int, _ title: String, _ value: String) {
            if !value.isEmpty { lines.append(String(repeating: " ", count: indent) + "\(title):".padded(to: 20 - indent) + value) }
        }
        func field(_ value: JSONValue, _ name: String) -> String { value.member(name).map { $0 == .null ? "" : $0.goText } ?? "" }
        let (api, newest) = (field(client, "ApiVersion"), field(client, "DefaultAPIVersion"))
        add(1, "Version", field(client, "Version"))
        add(1, "API version", api + (api == newest ? "" : " (downgraded from \(newest))"))
        add(1, "OS/Arch", "\(field(client, "Os"))/\(field(client, "Arch"))")
        guard let server else { return lines.joined(separator: "\n") + "\n" }
        let platform = field(server.member("Platform") ?? .null, "Name")
        lines += ["", platform.isEmpty ? "Server:" : "Server: \(platform)"]
        guard case .array(let components)? = server.member("Components") else { return lines.joined(separator: "\n") + "\n" }
        for component in components {
            lines.append(" \(field(component, "Name")):")
            add(2, "Version", field(component, "Version"))
            guard let details = component.member("Details"), case .object(let members) = details else { continue }
            guard field(component, "Name") == "Engine" else {
                for member in members.sorted(by: { $0.name < $1.name }) { lines.append("  \(member.name):".padded(to: 20) + member.value.goText) }
                continue
            }
            let minimum = field(details, "MinAPIVersion")
            add(2, "API version", field(details, "ApiVersion") + (minimum.isEmpty ? "" : " (minimum version \(minimum))"))
            add(2, "Go version", field(details, "GoVersion"))
            add(2, "Git commit", field(details, "GitCommit"))
            add(2, "Built", LocalTime.built(field(details, "BuildTime")))
            if !field(details, "Os").isEmpty { add(2, "OS/Arch", "\(field(details, "Os"))/\(field(details, "Arch"))") }
            add(2, "Experimental", field(details, "Experimental"))
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// What `info` prints.
package enum InfoReport {
    /// Client and engine, as lines.
    package static func text(_ info: SystemInfo) -> String {
        var lines = ["Client: Cais", " Version:    \(Product.version)", " Context:    default", " Debug Mode: false", "", "Server:"]
        func add(_ title: String, _ value: String) { lines.append(" \(title): \(value)") }
        add("Containers", String(info.containers))
        lines += ["  Running: \(info.containersRunning)", "  Paused: \(info.containersPaused)", "  Stopped: \(info.containersStopped)"]
        add("Images", String(info.images))
        add("Server Version", info.serverVersion)
        add("Storage Driver", info.driver)
        for pair in info.driverStatus where pair.count == 2 { lines.append("  \(pair[0]): \(pair[1])") }
        add("Logging Driver", info.loggingDriver)
        add("Cgroup Driver", info.cgroupDriver)
        add("Cgroup Version", info.cgroupVersion)
        lines.append(" Plugins:")
        lines.append("  Volume: " + info.plugins.volume.joined(separator: " "))
        lines.append("  Network: " + info.plugins.network.joined(separator: " "))
        lines.append("  Log: " + info.plugins.log.joined(separator: " "))
        add("Swarm", info.swarm.localNodeState)
        add("Runtimes", info.runtimes.keys.sorted().joined(separator: " "))
        add("Default Runtime", info.defaultRuntime)
        if !info.initBinary.isEmpty { add("Init Binary", info.initBinary) }
        for (part, commit) in [("containerd", info.containerdCommit.id), ("runc", info.runcCommit.id), ("init", info.initCommit.id)] where !commit.isEmpty {
            add("\(part) version", commit)
        }
        if !info.securityOptions.isEmpty {
            lines.append(" Security Options:")
            for option in info.securityOptions { lines += securityLines(option) }
        }
        add("Kernel Version", info.kernelVersion)
        add("Operating System", info.operatingSystem)
        add("OSType", info.osType)
        add("Architecture", info.architecture)
        add("CPUs", String(info.ncpu))
        add("Total Memory", ByteSize.describeBinary(info.memTotal))
        add("Name", info.name)
        add("ID", info.id)
        add("Docker Root Dir", info.dockerRootDir)
        add("Debug Mode", String(info.debug))
        if !info.labels.isEmpty {
            lines.append(" Labels:")
            lines += info.labels.map { "  \($0)" }
        }
        add("Experimental", String(info.experimentalBuild))
        if let registries = info.registryConfig, !registries.insecureRegistryCIDRs.isEmpty {
            lines.append(" Insecure Registries:")
            lines += registries.insecureRegistryCIDRs.map { "  \($0)" }
        }
        add("Live Restore Enabled", String(info.liveRestoreEnabled))
        return lines.joined(separator: "\n") + "\n\n"
    }

    /// `name=seccomp,profile=builtin` on two lines.
    private static func securityLines(_ option: String) -> [String] {
        option.split(separator: ",").compactMap { part in
            let (key, value) = part.cut("=")
            guard let value else { return "  \(key)" }
            return key == "name" ? "  \(value)" : "   \(key.prefix(1).uppercased() + key.dropFirst()): \(value)"
        }
    }
}
