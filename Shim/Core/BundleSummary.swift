import Faults
import Linux
import OCISpec

// BundleSummary is what a shim has to know of config.json. It is not the whole RuntimeSpec on
// purpose: decoding that costs 100 kB of type metadata in a process that stays.

/// A bundle, as far as its supervisor cares.
struct BundleSummary: Decodable {
    struct Process: Decodable {
        var args: [String]?
        var terminal: Bool?
    }

    struct Namespace: Decodable {
        var type: String
        var path: String?
    }

    struct LinuxPart: Decodable {
        var namespaces: [Namespace]?
    }

    private var process: Process?
    private var linux: LinuxPart?

    /// The command that is to run.
    var command: String? { process?.args?.first }
    /// Whether it has a terminal.
    var isTerminal: Bool { process?.terminal ?? false }
    /// With a PID namespace of its own the kernel ends all of a container with its first process.
    var hasOwnProcessTree: Bool { linux?.namespaces?.contains { $0.type == "pid" && ($0.path ?? "").isEmpty } ?? false }

    /// Reads the bundle's config.json.
    static func read(_ bundle: String) throws(Fault) -> BundleSummary { try Bundle.read(BundleSummary.self, bundle) }
}

/// config.json of a bundle.
package enum Bundle {
    /// Reads it as `type`.
    /// - Throws: `.notFound` without one, `.invalidArgument` with the place for one that is broken.
    package static func read<Value: Decodable>(_ type: Value.Type, _ bundle: String) throws(Fault) -> Value {
        let path = "\(bundle)/config.json"
        let bytes: [UInt8]
        do { bytes = try Files.read(path) } catch {
            throw Fault(error == .noEntry ? .notFound : .failed, error.description, errno: error.rawValue, trail: ["read \(path)"])
        }
        do throws(Fault) { return try JSON.decode(type, from: bytes) } catch { throw error.within("read \(path)") }
    }
}
