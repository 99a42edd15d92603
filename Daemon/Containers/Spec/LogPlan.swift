// LogPlan owns what a container's log configuration means.
import EngineAPI
import Faults

/// Where the output goes and when the file is rotated.
enum LogPlan: Sendable, Hashable {
    case jsonFile(sizeMax: Int64, filesMax: Int)
    case none

    /// Rotation of containers that say nothing about it: logs never fill the disk.
    static let sizeMaxDefault: Int64 = 10_000_000
    /// Files kept of containers that say nothing about it.
    static let filesMaxDefault = 5

    /// Reads a driver and its options.
    /// - Throws: `invalidArgument` in docker's words, `unsupported` for what this engine cannot do.
    init(_ config: LogConfig) throws(Fault) {
        switch config.type {
        case "none": self = .none
        case "json-file": self = try LogPlan.jsonFile(config.config)
        default: throw Fault(.invalidArgument, "logger: no log driver named '\(config.type)' is registered")
        }
    }

    private static func jsonFile(_ options: [String: String]) throws(Fault) -> LogPlan {
        var sizeMax = sizeMaxDefault
        var filesMax = filesMaxDefault
        for (name, value) in options.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "max-size":
                if value == "-1" {
                    sizeMax = -1
                    continue
                }
                // Docker reads the units of max-size as powers of 1024.
                sizeMax = try ByteSize.parse(value)
                guard sizeMax > 0 else { throw Fault(.invalidArgument, "max-size must be a positive number") }
            case "max-file":
                guard let count = Int(value) else { throw Fault(.invalidArgument, "invalid value for log-opt max-file: \(value)") }
                guard count >= 1 else { throw Fault(.invalidArgument, "max-file cannot be less than 1") }
                filesMax = count
            case "mode":
                guard value == "blocking" || value.isEmpty else {
                    throw Fault(.unsupported, "log-opt mode=\(value): output is always written by the container's own shim, which does not block the engine")
                }
            case "compress", "labels", "labels-regex", "env", "env-regex", "tag", "max-buffer-size":
                throw Fault(.unsupported, "log-opt \(name) of the json-file log driver is not supported")
            default: throw Fault(.invalidArgument, "unknown log opt '\(name)' for json-file log driver")
            }
        }
        return .jsonFile(sizeMax: sizeMax, filesMax: filesMax)
    }
}
