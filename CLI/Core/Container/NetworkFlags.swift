import EngineAPI
import Faults
import Flags

/// `--network` with its options, and the flags that say more about the first network.
enum NetworkFlags {
    static func problem(_ text: String) -> String? {
        do throws(Fault) { _ = try endpoint(text) } catch { return error.reason }
        return nil
    }

    /// The first network's name, which is also the network mode.
    static func mode(_ arguments: Arguments) -> String {
        guard let first = arguments.strings("network").first else { return "default" }
        return name(first)
    }

    /// The endpoints wanted; modes that are no networks have none.
    static func endpoints(_ arguments: Arguments) throws(Fault) -> [String: EndpointSettings] {
        let values = arguments.strings("network")
        var result: [String: EndpointSettings] = [:]
        for (index, value) in (values.isEmpty ? ["default"] : values).enumerated() {
            let name = name(value)
            var settings = try endpoint(value)
            if index == 0 { try describeFirst(arguments, name, &settings) }
            if values.count > 1, isMode(name) {
                throw Fault(.invalidArgument, "conflicting options: cannot attach both user-defined and non-user-defined network-modes")
            }
            guard result[name] == nil else { throw Fault(.invalidArgument, "network \(quoted(name)) is specified multiple times") }
            // host, none and another container's network are modes without an endpoint of their own.
            if ["host", "none"].contains(name) || name.hasPrefix("container:") { continue }
            result[name] = settings
        }
        return result
    }

    private static func describeFirst(_ arguments: Arguments, _ name: String, _ settings: inout EndpointSettings) throws(Fault) {
        let aliases = arguments.strings("network-alias")
        if !aliases.isEmpty {
            guard settings.aliases == nil else { throw Fault(.invalidArgument, "conflicting options: cannot specify both --network-alias and per-network alias") }
            settings.aliases = aliases
        }
        if arguments.isSet("ip") || arguments.isSet("ip6") {
            guard settings.ipamConfig == nil else { throw Fault(.invalidArgument, "conflicting options: cannot specify both --ip and per-network IPv4 address") }
            var ipam = EndpointIPAMConfig()
            ipam.ipv4Address = arguments.string("ip")
            ipam.ipv6Address = arguments.string("ip6")
            settings.ipamConfig = ipam
        }
        if arguments.isSet("mac-address") {
            guard settings.macAddress.isEmpty else { throw Fault(.invalidArgument, "conflicting options: cannot specify both --mac-address and per-network MAC address") }
            settings.macAddress = arguments.string("mac-address")
        }
    }

    private static func isMode(_ name: String) -> Bool { ["default", "host", "none"].contains(name) || name.hasPrefix("container:") }

    private static func name(_ value: String) -> String {
        guard value.contains("=") else { return value }
        for field in value.split(separator: ",") {
            let (key, text) = field.cut("=")
            if key == "name" { return text ?? "" }
        }
        return ""
    }

    /// `name=net,alias=a,ip=1.2.3.4,mac-address=…,driver-opt=k=v,gw-priority=1`.
    private static func endpoint(_ value: String) throws(Fault) -> EndpointSettings {
        var settings = EndpointSettings()
        guard value.contains("=") else { return settings }
        for field in value.split(separator: ",") {
            let (key, text) = field.cut("=")
            guard let text else { throw Fault(.invalidArgument, "invalid field \(field)") }
            switch key.lowercased() {
            case "name": break
            case "alias": settings.aliases = (settings.aliases ?? []) + [text]
            case "ip", "ip6":
                var ipam = settings.ipamConfig ?? EndpointIPAMConfig()
                if key == "ip" { ipam.ipv4Address = text } else { ipam.ipv6Address = text }
                settings.ipamConfig = ipam
            case "mac-address": settings.macAddress = text
            case "driver-opt":
                let (name, option) = text.cut("=")
                guard let option else { throw Fault(.invalidArgument, "invalid key value pair format in driver options") }
                settings.driverOpts = (settings.driverOpts ?? [:]).merging([name: option]) { $1 }
            case "gw-priority":
                guard let priority = Int(text) else { throw Fault(.invalidArgument, "invalid gw-priority: \(text)") }
                settings.gwPriority = priority
            default: throw Fault(.invalidArgument, "invalid field key \(key)")
            }
        }
        guard !name(value).isEmpty else { throw Fault(.invalidArgument, "network name must be set") }
        return settings
    }
}
