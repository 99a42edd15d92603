import CLinux
import Faults
import Glibc
import Linux

/// Where an engine listens, in the spelling of `-H`: `unix:///path`, `tcp://host:port`, a bare
/// path or a bare host.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// The two kinds of sockets an engine is spoken to on.
    package enum Address: Sendable, Hashable {
        /// A socket in the file system.
        case unix(path: String)
        /// A port of a machine.
        case tcp(host: String, port: UInt16)
    }

    /// The socket.
    package let address: Address
    /// As the user wrote it, for messages.
    package let description: String

    /// The engine's own socket.
    package static let caisSocket = "/run/cais/cais.sock"
    /// docker's socket, tried where the engine's own does not exist.
    package static let dockerSocket = "/var/run/docker.sock"

    /// Reads the text of `-H`, CAIS_HOST or DOCKER_HOST.
    /// - Throws: `invalidArgument` for a scheme or port that means nothing.
    package init(parsing text: String) throws(Fault) {
        let trimmed = text.hasPrefix("tcp://") && text.hasSuffix("/") && !text.hasSuffix("://") ? String(text.dropLast()) : text
        let scheme = trimmed.prefixBefore("://")
        switch scheme {
        case "unix":
            let path = String(trimmed.dropFirst("unix://".count))
            self.init(.unix(path: path.isEmpty ? Endpoint.caisSocket : path), "unix://" + (path.isEmpty ? Endpoint.caisSocket : path))
        case "tcp", "http":
            let rest = String(trimmed.dropFirst(scheme == "tcp" ? 6 : 7))
            try self.init(tcp: rest.isEmpty ? "localhost" : rest, text)
        case nil where trimmed.hasPrefix("/"): self.init(.unix(path: trimmed), "unix://" + trimmed)
        case nil where !trimmed.isEmpty: try self.init(tcp: trimmed, text)
        default: throw Fault(.invalidArgument, "invalid bind address format: \(text)")
        }
    }

    /// Chooses among the flag, the environment and the sockets that exist.
    /// - Throws: `invalidArgument` as ``init(parsing:)``, and for two `-H`.
    package static func choose(flags: [String], environment: (String) -> String?, exists: (String) -> Bool) throws(Fault) -> Endpoint {
        guard flags.count < 2 else { throw Fault(.invalidArgument, "specify only one -H") }
        for text in [flags.first, environment("CAIS_HOST"), environment("DOCKER_HOST")] {
            if let text, !text.isEmpty { return try Endpoint(parsing: text) }
        }
        let path = !exists(caisSocket) && exists(dockerSocket) ? dockerSocket : caisSocket
        return Endpoint(.unix(path: path), "unix://" + path)
    }

    private init(_ address: Address, _ description: String) {
        self.address = address
        self.description = description
    }

    private init(tcp text: String, _ whole: String) throws(Fault) {
        var host = text
        var port: UInt16 = 2375
        let bracket = text.lastIndex(of: "]")
        if let colon = text.lastIndex(of: ":"), bracket.map({ $0 < colon }) ?? true {
            host = String(text[..<colon])
            guard let number = UInt16(text[text.index(after: colon)...]) else {
                throw Fault(.invalidArgument, "invalid bind address format: \(whole)")
            }
            port = number
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        self.init(.tcp(host: host.isEmpty ? "localhost" : host, port: port), whole.contains("://") ? whole : "tcp://\(host):\(port)")
    }

    /// Connects a stream socket.
    package func connect() throws(Fault) -> FileDescriptor {
        switch address {
        case .unix(let path):
            do { return try UnixSocket.connect(path) } catch { throw unreachable(error) }
        case .tcp(let host, let port):
            var last: Errno?
            for address in try numericAddresses(host) {
                do { return try TCP.connect(address, port: port) } catch { last = error }
            }
            throw unreachable(last ?? .connectionRefused)
        }
    }

    private func unreachable(_ error: Errno) -> Fault {
        if error == .access || error == .notPermitted {
            return Fault(
                .forbidden, "permission denied while trying to connect to the Cais daemon socket at \(description)", errno: error.rawValue)
        }
        return Fault(.unavailable, "Cannot connect to the Cais daemon at \(description). Is caisd running?", errno: error.rawValue)
    }

    /// Numbers as they stand; names by /etc/hosts alone: a static program has no resolver library.
    private func numericAddresses(_ host: String) throws(Fault) -> [String] {
        if TCP.isNumeric(host) { return [host] }
        // Without the file only localhost is known, which is the answer below.
        // Without the file no name is known.
        let hosts = String(decoding: (try? Files.read("/etc/hosts", limit: 1 << 20)) ?? [], as: UTF8.self)
        var found: [String] = []
        for line in hosts.split(whereSeparator: \.isNewline) {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            if words.dropFirst().contains(where: { $0 == host }), let address = words.first { found.append(String(address)) }
        }
        if found.isEmpty, host == "localhost" { found = ["127.0.0.1"] }
        guard !found.isEmpty else {
            throw Fault(.unavailable, "error during connect: \(description): \(host) is neither an address nor a name in /etc/hosts")
        }
        return found
    }
}

extension String {
    /// What stands before `mark`; nil where it does not occur.
    func prefixBefore(_ mark: String) -> String? {
        guard let range = self.firstRange(of: mark) else { return nil }
        return String(self[..<range.lowerBound])
    }
}

/// Stream sockets to a numeric address.
private enum TCP {
    static func isNumeric(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }

    static func connect(_ host: String, port: UInt16) throws(Errno) -> FileDescriptor {
        var four = sockaddr_in()
        if inet_pton(AF_INET, host, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            return try connect(AF_INET, &four)
        }
        var six = sockaddr_in6()
        guard inet_pton(AF_INET6, host, &six.sin6_addr) == 1 else { throw .invalid }
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = port.bigEndian
        return try connect(AF_INET6, &six)
    }

    private static func connect<Address>(_ family: CInt, _ address: inout Address) throws(Errno) -> FileDescriptor {
        let made = try call { socket(family, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0) }
        let descriptor = FileDescriptor(owning: made)
        let length = socklen_t(MemoryLayout<Address>.size)
        try call {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { cais_connect(made, $0, length) }
            }
        }
        return descriptor
    }
}
