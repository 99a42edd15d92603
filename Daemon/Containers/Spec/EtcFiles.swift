// EtcFiles owns /etc/hosts, /etc/hostname and /etc/resolv.conf of a container: their text and
// where they lie.
import EngineAPI
import Faults
import Glibc
import Linux

/// The three files.
enum EtcFiles {
    /// Their places in the container, and their names in its directory.
    static let names = ["/etc/hosts": "hosts", "/etc/hostname": "hostname", "/etc/resolv.conf": "resolv.conf"]

    /// The files of a container by their place in it.
    static func paths(in directory: String) -> [String: String] { names.mapValues { "\(directory)/\($0)" } }

    /// Writes all three anew. Blocks.
    static func write(_ record: ContainerRecord, attachment: NetworkAttachment, configuration: ContainersConfiguration) throws(Fault) {
        let directory = configuration.dataDirectory(record.id.text)
        let host = record.hostConfig
        let shared = host.networkMode == "host"
        let texts = [
            "hostname": record.config.hostname + "\n",
            "hosts": hosts(record, attachment, base: shared ? read("/etc/hosts") : nil),
            "resolv.conf": resolver(
                read(resolverSource()), keepLoopback: shared, servers: first(host.dns, configuration.dns),
                search: first(host.dnsSearch, configuration.dnsSearch), options: first(host.dnsOptions, configuration.dnsOptions)),
        ]
        for (name, text) in texts {
            let path = "\(directory)/\(name)"
            // In place and not by rename: a bind mount holds the old file, not its name.
            try system("write \(path)") { () throws(Errno) in
                let file = try Files.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o644)
                try file.writeAll(text.utf8)
                try call { fchmod(file.rawValue, 0o644) }
            }
        }
    }

    private static func first(_ own: [String]?, _ engine: [String]) -> [String] { (own ?? []).isEmpty ? engine : own ?? [] }

    private static func read(_ path: String) -> String {
        guard let bytes = try? Files.read(path, limit: 1 << 20) else { return "" }  // a host without it resolves nothing either
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: - Texts

    /// The text of /etc/hosts.
    static func hosts(_ record: ContainerRecord, _ attachment: NetworkAttachment, base: String? = nil) -> String {
        var text = base ?? """
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback
            fe00::\tip6-localnet
            ff00::\tip6-mcastprefix
            ff02::1\tip6-allnodes
            ff02::2\tip6-allrouters

            """
        if !text.isEmpty && !text.hasSuffix("\n") { text += "\n" }
        for entry in record.hostConfig.extraHosts ?? [] {
            guard let separator = entry.firstIndex(where: { $0 == ":" || $0 == "=" }) else { continue }
            let address = String(entry[entry.index(after: separator)...])
            let resolved = address == "host-gateway" ? attachment.gateway ?? "127.0.0.1" : address
            text += "\(bare(resolved))\t\(entry[..<separator])\n"
        }
        if base == nil, let address = attachment.ipv4 {
            let (name, domain) = (record.config.hostname, record.config.domainname)
            text += domain.isEmpty ? "\(address)\t\(name)\n" : "\(address)\t\(name).\(domain) \(name)\n"
        }
        return text
    }

    /// The text of /etc/resolv.conf, from the host's. Servers on the host's loopback are left out:
    /// nobody answers there in the container.
    static func resolver(_ host: String, keepLoopback: Bool, servers: [String], search: [String], options: [String]) -> String {
        var (hostServers, hostSearch, hostOptions): ([String], [String], [String]) = ([], [], [])
        for line in host.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let first = words.first, !first.hasPrefix("#"), !first.hasPrefix(";") else { continue }
            switch first {
            case "nameserver": hostServers += words.dropFirst().prefix(1)
            case "search", "domain": hostSearch = Array(words.dropFirst())
            case "options": hostOptions += words.dropFirst()
            default: break
            }
        }
        if !keepLoopback { hostServers.removeAll { $0.hasPrefix("127.") || $0 == "::1" } }
        var text = ""
        for server in servers.isEmpty ? hostServers : servers { text += "nameserver \(server)\n" }
        let domains = search.isEmpty ? hostSearch : search
        if !domains.isEmpty && domains != ["."] { text += "search \(domains.joined(separator: " "))\n" }
        let words = options.isEmpty ? hostOptions : options
        if !words.isEmpty { text += "options \(words.joined(separator: " "))\n" }
        return text
    }

    /// systemd-resolved listens on the loopback; the servers behind it are in a file beside.
    private static func resolverSource() -> String {
        let behind = "/run/systemd/resolve/resolv.conf"
        return read("/etc/resolv.conf").contains("127.0.0.53") && Files.isThere(behind) ? behind : "/etc/resolv.conf"
    }

    private static func bare(_ address: String) -> String {
        address.hasPrefix("[") && address.hasSuffix("]") ? String(address.dropFirst().dropLast()) : address
    }

    /// Whether text is an IPv4 or IPv6 address.
    static func isAddress(_ text: String) -> Bool {
        var storage = in6_addr()
        let address = bare(text)
        return inet_pton(AF_INET, address, &storage) == 1 || inet_pton(AF_INET6, address, &storage) == 1
    }
}
