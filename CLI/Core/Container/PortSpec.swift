import EngineAPI
import Faults
import Flags

/// A published or exposed port as users write it: `[[address:]host[-host]:]container[-container][/protocol]`.
package enum PortSpec {
    /// What a list of specifications means.
    package struct Ports: Sendable, Hashable {
        /// Container ports, `80/tcp`.
        package var exposed: Set<String> = []
        /// Host sides by container port.
        package var bindings: [String: [PortBinding]] = [:]

        /// No ports.
        package init() {}
    }

    /// Adds what `text`, the value of `--publish`, publishes.
    /// - Throws: `invalidArgument` in docker's words.
    package static func publish(_ text: String, into ports: inout Ports) throws(Fault) {
        if text.contains("=") { return try publishLong(text, into: &ports) }
        let (address, host, container) = split(text)
        let (containerPort, proto) = try self.proto(container, text)
        let plainAddress = address.hasPrefix("[") && address.hasSuffix("]") ? String(address.dropFirst().dropLast()) : address
        guard plainAddress.isEmpty || IPText.isAddress(plainAddress) else { throw Fault(.invalidArgument, "invalid IP address: \(address)") }
        guard !containerPort.isEmpty else { throw Fault(.invalidArgument, "no port specified: \(text)<empty>") }
        guard let inside = range(containerPort) else { throw Fault(.invalidArgument, "invalid containerPort: \(containerPort)") }
        var outside: ClosedRange<Int>?
        if !host.isEmpty {
            guard let parsed = range(host) else { throw Fault(.invalidArgument, "invalid hostPort: \(host)") }
            outside = parsed
            // One container port may be given a range of host ports to choose from.
            guard parsed.count == inside.count || inside.count == 1 else { throw Fault(.invalidArgument, "invalid ranges specified for container and host Ports: \(containerPort) and \(host)") }
        }
        for (offset, port) in inside.enumerated() {
            let key = "\(port)/\(proto)"
            ports.exposed.insert(key)
            let hostPort: String
            switch outside {
            case nil: hostPort = ""
            case let range? where inside.count == 1 && range.count > 1: hostPort = "\(range.lowerBound)-\(range.upperBound)"
            case let range?: hostPort = String(range.lowerBound + offset)
            }
            ports.bindings[key, default: []].append(PortBinding(hostIP: plainAddress, hostPort: hostPort))
        }
    }

    /// Adds what `text`, the value of `--expose`, exposes.
    /// - Throws: `invalidArgument` in docker's words.
    package static func expose(_ text: String, into ports: inout Ports) throws(Fault) {
        guard !text.contains(":") else { throw Fault(.invalidArgument, "invalid port format for --expose: \(text)") }
        let (port, proto) = try self.proto(text, text)
        guard let range = range(port) else {
            throw Fault(.invalidArgument, "invalid range format for --expose: \(text), error: strconv.ParseUint: parsing \(quoted(port)): invalid syntax")
        }
        for port in range { ports.exposed.insert("\(port)/\(proto)") }
    }

    /// `target=80,published=8080,protocol=tcp,mode=host`.
    private static func publishLong(_ text: String, into ports: inout Ports) throws(Fault) {
        var target = ""
        var published = ""
        var proto = "tcp"
        for field in text.split(separator: ",") {
            let (key, value) = field.cut("=")
            guard let value, !value.isEmpty else { throw Fault(.invalidArgument, "invalid field \(field)") }
            switch key.lowercased() {
            case "target": target = value
            case "published": published = value
            case "protocol": proto = value
            case "mode":
                guard value == "host" || value == "ingress" else { throw Fault(.invalidArgument, "invalid publish mode: \(value)") }
            default: throw Fault(.invalidArgument, "invalid field key \(key)")
            }
        }
        guard !target.isEmpty else { throw Fault(.invalidArgument, "missing mandatory field \"target\"") }
        try publish((published.isEmpty ? "" : "\(published):") + "\(target)/\(proto)", into: &ports)
    }

    private static func split(_ text: String) -> (address: String, host: String, container: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
        switch parts.count {
        case 1: return ("", "", parts[0])
        case 2: return ("", parts[0], parts[1])
        case 3: return (parts[0], parts[1], parts[2])
        default: return (parts.dropLast(2).joined(separator: ":"), parts[parts.count - 2], parts[parts.count - 1])
        }
    }

    private static func proto(_ text: String, _ whole: String) throws(Fault) -> (port: String, proto: String) {
        let (port, given) = text.cut("/")
        let proto = (given ?? "").isEmpty ? "tcp" : (given ?? "").lowercased()
        guard ["tcp", "udp", "sctp"].contains(proto) else { throw Fault(.invalidArgument, "invalid proto: \(proto)") }
        return (port, proto)
    }

    private static func range(_ text: String) -> ClosedRange<Int>? {
        let (first, last) = text.cut("-")
        guard let low = number(first), let high = last.map({ number($0) }) ?? low, low <= high else { return nil }
        return low...high
    }

    private static func number(_ text: String) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(text) else { return nil }
        return Int(number)
    }
}
