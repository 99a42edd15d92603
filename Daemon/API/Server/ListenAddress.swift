// ListenAddress owns where the engine may be asked: the spelling of -H, and what is refused there.
import Faults

/// A place to listen.
package enum ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// A unix socket.
    case unix(String)
    /// Plain TCP on this machine only.
    case tcp(host: String, port: Int)

    /// Reads `unix:///path`, `/path`, or `tcp://host:port`. Whoever reaches the engine is root on
    /// this machine, so plain TCP must be allowed by its own flag, and only on loopback.
    /// - Throws: `invalidArgument` for another scheme or a relative path, `forbidden` for TCP that was not allowed.
    package init(parsing text: String, plainTCPAllowed: Bool) throws(Fault) {
        if text.hasPrefix("unix://") || text.hasPrefix("/") {
            let path = text.hasPrefix("unix://") ? String(text.dropFirst(7)) : text
            guard path.hasPrefix("/"), path.utf8.count <= Self.pathBytesMax else {
                throw Fault(.invalidArgument, "invalid host \"\(text)\": a socket needs an absolute path of at most \(Self.pathBytesMax) bytes")
            }
            self = .unix(path)
            return
        }
        guard text.hasPrefix("tcp://") else {
            throw Fault(.invalidArgument, "invalid host \"\(text)\": it begins with unix:// or tcp://")
        }
        let address = text.dropFirst(6)
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]), (0...65535).contains(port) else {
            throw Fault(.invalidArgument, "invalid host \"\(text)\": expected tcp://ADDRESS:PORT")
        }
        let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
        guard plainTCPAllowed else {
            throw Fault(.forbidden, "refusing to listen on \(text) without TLS: whoever reaches it is root here. On a loopback address --tlsverify=false allows it")
        }
        guard ["127.0.0.1", "::1"].contains(host) || host == "localhost" else {
            throw Fault(.forbidden, "refusing to listen on \(text) without TLS: only 127.0.0.1 and ::1 may be used")
        }
        self = .tcp(host: host == "localhost" ? "127.0.0.1" : host, port: port)
    }

    /// Bytes of a unix socket's path at most, by the kernel's sockaddr_un.
    package static let pathBytesMax = 107

    package var description: String {
        switch self {
        case .unix(let path): "unix://\(path)"
        case .tcp(let host, let port): host.contains(":") ? "tcp://[\(host)]:\(port)" : "tcp://\(host):\(port)"
        }
    }
}
