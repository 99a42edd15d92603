// Programs owns where the engine's other programs are: beside it, then on PATH.
import CLinux
import Faults

/// The shim and the OCI runtimes.
struct Programs: Sendable {
    /// The supervisor.
    let shim: String
    /// OCI runtimes by name, the built-in one among them.
    let runtimes: [String: String]

    /// Finds them.
    /// - Throws: `notFound` for one that is missing, `invalidArgument` for a default that has no path.
    init(_ configuration: DaemonConfiguration) throws(Fault) {
        shim = try Self.find("cais-shim")
        var runtimes = configuration.runtimes
        for (name, path) in runtimes where access(path, X_OK) != 0 {
            throw Fault(.notFound, "the runtime \(name) is not an executable file: \(path)")
        }
        if runtimes[DaemonConfiguration.builtInRuntime] == nil { runtimes[DaemonConfiguration.builtInRuntime] = try Self.find("cais-runtime") }
        guard runtimes[configuration.defaultRuntime] != nil else {
            throw Fault(.invalidArgument, "the default runtime \(configuration.defaultRuntime) is not configured")
        }
        self.runtimes = runtimes
    }

    private static func find(_ name: String) throws(Fault) -> String {
        var directories: [String] = []
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        if length > 0 {
            let path = String(decoding: buffer[0..<length], as: UTF8.self)
            if let slash = path.lastIndex(of: "/") { directories.append(String(path[..<slash])) }
        }
        if let path = getenv("PATH") { directories += String(cString: path).split(separator: ":").filter { $0.hasPrefix("/") }.map(String.init) }
        for directory in directories where access("\(directory)/\(name)", X_OK) == 0 { return "\(directory)/\(name)" }
        throw Fault(.notFound, "\(name) is neither beside this program nor on PATH")
    }
}
