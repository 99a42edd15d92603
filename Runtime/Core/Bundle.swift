// Bundle owns the reading of a bundle: a directory with config.json and, mostly, the root file system.
import CLinux
import Faults
import Linux
import OCISpec

package struct Bundle: Sendable {
    /// The most bytes of config.json.
    static let configurationBytesMax = 16 << 20

    /// Absolute.
    package let path: String
    package let spec: RuntimeSpec
    /// config.json as it was when the container was made.
    let configuration: [UInt8]

    /// Reads `path`/config.json.
    package init(path: String) throws(Fault) {
        self.path = try Bundle.absolute(path)
        let file = self.path + "/config.json"
        do throws(Errno) { configuration = try Files.read(file, limit: Bundle.configurationBytesMax) } catch {
            if error == .noEntry { throw Fault(.notFound, "JSON specification file config.json not found in \(self.path)", errno: error.rawValue) }
            throw Fault(error, "read \(file)")
        }
        let bytes = configuration
        spec = try within(file) { () throws(Fault) in try JSON.decode(RuntimeSpec.self, from: bytes) }
    }

    /// An existing directory as a path that does not depend on the working directory.
    static func absolute(_ path: String) throws(Fault) -> String {
        guard let resolved = realpath(path, nil) else { throw Fault(Errno.current, "open bundle \(path)") }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
