import EngineAPI
import Faults
import Flags

/// `--cpus 1.5`.
enum Cpus {
    /// Billionths of a CPU, exactly: what is finer is refused.
    static func nano(_ text: String) throws(Fault) -> Int64 {
        let malformed = Fault(.invalidArgument, "failed to parse \(text) as a rational number")
        let (whole, fraction) = text.cut(".")
        let digits = fraction ?? ""
        guard !(whole + digits).isEmpty, (whole + digits).allSatisfy({ $0.isASCII && $0.isNumber }), whole.utf8.count < 9 else { throw malformed }
        guard digits.drop(while: { _ in false }).count <= 9 || digits.dropFirst(9).allSatisfy({ $0 == "0" }) else {
            throw Fault(.invalidArgument, "value is too precise")
        }
        let nano = (digits.prefix(9) + String(repeating: "0", count: max(0, 9 - digits.count)))
        return (Int64(whole) ?? 0) * 1_000_000_000 + (Int64(nano) ?? 0)
    }
}

/// `--ulimit nofile=1024:2048`.
enum UlimitFlag {
    private static let names: Set<String> = [
        "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
    ]

    static func problem(_ text: String) -> String? {
        do throws(Fault) { _ = try parse(text) } catch { return error.reason }
        return nil
    }

    /// One limit for each name, the last one given, in the order of names.
    static func all(_ texts: [String]) throws(Fault) -> [Ulimit] {
        var limits: [String: Ulimit] = [:]
        for text in texts {
            let limit = try parse(text)
            limits[limit.name] = limit
        }
        return limits.values.sorted { $0.name < $1.name }
    }

    static func parse(_ text: String) throws(Fault) -> Ulimit {
        let (name, value) = text.cut("=")
        guard let value else { throw Fault(.invalidArgument, "invalid ulimit argument: \(text)") }
        guard names.contains(name) else { throw Fault(.invalidArgument, "invalid ulimit type: \(name)") }
        let parts = value.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw Fault(.invalidArgument, "too many limit value arguments - \(value), can only have up to two, `soft[:hard]`") }
        var limits: [Int64] = []
        for part in parts {
            guard let number = Int64(part) else { throw Fault(.invalidArgument, "strconv.ParseInt: parsing \(quoted(String(part))): invalid syntax") }
            limits.append(number)
        }
        var limit = Ulimit()
        limit.name = name
        limit.soft = limits[0]
        limit.hard = limits.count > 1 ? limits[1] : limits[0]
        if limit.hard != -1, limit.soft == -1 { throw Fault(.invalidArgument, "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: \(limit.hard)") }
        if limit.hard != -1, limit.soft > limit.hard { throw Fault(.invalidArgument, "ulimit soft limit must be less than or equal to hard limit: \(limit.soft) > \(limit.hard)") }
        return limit
    }
}

/// `--device`, `--blkio-weight-device`, `--device-read-bps` and their like.
enum DeviceFlags {
    /// `/dev/a[:/dev/b][:rwm]`; nil where it is none.
    static func mapping(_ text: String) -> DeviceMapping? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
        guard (1...3).contains(parts.count), !parts[0].isEmpty else { return nil }
        var device = DeviceMapping()
        device.pathOnHost = parts[0]
        device.pathInContainer = parts[0]
        device.cgroupPermissions = "rwm"
        switch parts.count {
        case 2: if isMode(parts[1]) { device.cgroupPermissions = parts[1] } else { device.pathInContainer = parts[1] }
        case 3:
            guard isMode(parts[2]) else { return nil }
            device.pathInContainer = parts[1].isEmpty ? parts[0] : parts[1]
            device.cgroupPermissions = parts[2]
        default: break
        }
        guard device.pathInContainer.hasPrefix("/") else { return nil }
        return device
    }

    private static func isMode(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy { "rwm".contains($0) } && Set(text).count == text.count
    }

    static func weightProblem(_ text: String) -> String? {
        do throws(Fault) { _ = try weight(text) } catch { return error.reason }
        return nil
    }

    static func weight(_ text: String) throws(Fault) -> WeightDevice {
        let (path, value) = text.cut(":")
        guard let value, !path.isEmpty else { throw Fault(.invalidArgument, "bad format: \(text)") }
        guard path.hasPrefix("/dev/") else { throw Fault(.invalidArgument, "bad format for device path: \(text)") }
        guard let weight = Int(value), weight == 0 || (10...1000).contains(weight) else { throw Fault(.invalidArgument, "invalid weight for device: \(text)") }
        var device = WeightDevice()
        device.path = path
        device.weight = weight
        return device
    }

    static func rateProblem(_ text: String, bytes: Bool) -> String? {
        do throws(Fault) { _ = try rate(text, bytes: bytes) } catch { return error.reason }
        return nil
    }

    static func rate(_ text: String, bytes: Bool) throws(Fault) -> ThrottleDevice {
        let (path, value) = text.cut(":")
        guard let value, !path.isEmpty else { throw Fault(.invalidArgument, "bad format: \(text)") }
        guard path.hasPrefix("/dev/") else { throw Fault(.invalidArgument, "bad format for device path: \(text)") }
        var device = ThrottleDevice()
        device.path = path
        if bytes {
            do throws(Fault) { device.rate = UInt64(try ByteSize.parse(value)) } catch {
                throw Fault(.invalidArgument, "invalid rate for device: \(text). The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb")
            }
        } else {
            guard let rate = UInt64(value) else {
                throw Fault(.invalidArgument, "invalid rate for device: \(text). The correct format is <device-path>:<number>. Number must be a positive integer")
            }
            device.rate = rate
        }
        return device
    }
}

/// `--cap-add` and `--cap-drop`.
enum CapabilityFlags {
    /// Names in full, each once, in order; nil for none. What wins is the engine's to decide.
    static func names(_ words: [String]) -> [String]? {
        let names = Set(words.map { word in
            let name = word.trimmed.uppercased()
            return name == "ALL" || name.hasPrefix("CAP_") ? name : "CAP_" + name
        })
        return names.isEmpty ? nil : names.sorted()
    }
}

/// `--restart on-failure:3`.
enum RestartFlag {
    static func parse(_ text: String) throws(Fault) -> RestartPolicyConfig {
        var policy = RestartPolicyConfig()
        guard !text.isEmpty else { return policy }
        let (name, count) = text.cut(":")
        guard !name.isEmpty else { throw Fault(.invalidArgument, "invalid restart policy format: no policy provided before colon") }
        policy.name = name
        if let count, !count.isEmpty {
            guard let number = Int(count) else { throw Fault(.invalidArgument, "invalid restart policy format: maximum retry count must be an integer") }
            policy.maximumRetryCount = number
        }
        return policy
    }
}
