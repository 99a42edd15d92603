import EngineAPI
import Faults
import Flags

/// `--mount type=bind,source=/a,target=/b,readonly`.
package enum MountFlag {
    static func problem(_ text: String) -> String? {
        do throws(Fault) { _ = try parse(text) } catch { return error.reason }
        return nil
    }

    /// Reads one mount.
    /// - Throws: `invalidArgument` in docker's words.
    package static func parse(_ text: String) throws(Fault) -> MountRequest {
        var mount = MountRequest()
        mount.type = "volume"
        var bind: BindOptions?
        var volume: VolumeOptions?
        var tmpfs: TmpfsOptions?
        var image: ImageOptions?
        for field in fields(text) {
            let (rawKey, value) = field.cut("=")
            let key = rawKey.lowercased()
            guard let value else {
                // These may stand alone.
                switch key {
                case "readonly", "ro": mount.readOnly = true
                case "volume-nocopy": edit(&volume) { $0.noCopy = true }
                case "bind-nonrecursive": edit(&bind) { $0.nonRecursive = true }
                default: throw Fault(.invalidArgument, "invalid field '\(field)' must be a key=value pair")
                }
                continue
            }
            switch key {
            case "type": mount.type = value.lowercased()
            case "source", "src": mount.source = value.hasPrefix(".") ? Paths.absolute(value) : value
            case "target", "dst", "destination": mount.target = value
            case "readonly", "ro": mount.readOnly = try bool(key, value)
            case "consistency": mount.consistency = value.lowercased()
            case "bind-propagation": edit(&bind) { $0.propagation = value.lowercased() }
            case "bind-nonrecursive":
                let on = try bool(key, value)
                edit(&bind) { $0.nonRecursive = on }
            case "bind-recursive": try recursive(value, &bind, readOnly: mount.readOnly)
            case "volume-nocopy":
                let on = try bool(key, value)
                edit(&volume) { $0.noCopy = on }
            case "volume-subpath": edit(&volume) { $0.subpath = value }
            case "volume-label":
                let (name, text) = value.cut("=")
                edit(&volume) { $0.labels = ($0.labels ?? [:]).merging([name: text ?? ""]) { $1 } }
            case "volume-driver": edit(&volume) { options in
                var driver = options.driverConfig ?? VolumeDriverConfig()
                driver.name = value
                options.driverConfig = driver
            }
            case "volume-opt":
                let (name, text) = value.cut("=")
                edit(&volume) { options in
                    var driver = options.driverConfig ?? VolumeDriverConfig()
                    driver.options = (driver.options ?? [:]).merging([name: text ?? ""]) { $1 }
                    options.driverConfig = driver
                }
            case "image-subpath": edit(&image) { $0.subpath = value }
            case "tmpfs-size":
                let size: Int64
                do throws(Fault) { size = try ByteSize.parse(value) } catch { throw Fault(.invalidArgument, "invalid value for \(key): \(value)") }
                edit(&tmpfs) { $0.sizeBytes = size }
            case "tmpfs-mode":
                guard let mode = Int(value, radix: 8) else { throw Fault(.invalidArgument, "invalid value for \(key): \(value)") }
                edit(&tmpfs) { $0.mode = mode }
            default: throw Fault(.invalidArgument, "unexpected key '\(key)' in '\(field)'")
            }
        }
        mount.bindOptions = bind
        mount.volumeOptions = volume
        mount.tmpfsOptions = tmpfs
        mount.imageOptions = image
        try validate(mount)
        return mount
    }

    private static func validate(_ mount: MountRequest) throws(Fault) {
        guard !mount.type.isEmpty else { throw Fault(.invalidArgument, "type is required") }
        guard !mount.target.isEmpty else { throw Fault(.invalidArgument, "target is required") }
        if mount.volumeOptions != nil, mount.type != "volume" { throw Fault(.invalidArgument, "cannot mix 'volume-*' options with mount type '\(mount.type)'") }
        if mount.bindOptions != nil, mount.type != "bind" { throw Fault(.invalidArgument, "cannot mix 'bind-*' options with mount type '\(mount.type)'") }
        if mount.tmpfsOptions != nil, mount.type != "tmpfs" { throw Fault(.invalidArgument, "cannot mix 'tmpfs-*' options with mount type '\(mount.type)'") }
        if mount.imageOptions != nil, mount.type != "image" { throw Fault(.invalidArgument, "cannot mix 'image-*' options with mount type '\(mount.type)'") }
    }

    private static func recursive(_ value: String, _ bind: inout BindOptions?, readOnly: Bool) throws(Fault) {
        switch value {
        case "enabled": break
        case "disabled": edit(&bind) { $0.nonRecursive = true }
        case "writable": edit(&bind) { $0.readOnlyNonRecursive = true }
        case "readonly": edit(&bind) { $0.readOnlyForceRecursive = true }
        default:
            throw Fault(.invalidArgument, "invalid value for bind-recursive: \(value) (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")")
        }
    }

    private static func bool(_ key: String, _ value: String) throws(Fault) -> Bool {
        switch value {
        case "1", "t", "T", "true", "True", "TRUE": return true
        case "0", "f", "F", "false", "False", "FALSE": return false
        default: throw Fault(.invalidArgument, "invalid value for \(key): \(value)")
        }
    }

    private static func edit<Options: OptionsValue>(_ options: inout Options?, _ change: (inout Options) -> Void) {
        var value = options ?? Options()
        change(&value)
        options = value
    }

    /// One line of comma-separated values; quotes keep commas together.
    private static func fields(_ text: String) -> [String] {
        var fields: [String] = []
        var field = ""
        var inQuotes = false
        for character in text {
            if character == "\"" { inQuotes.toggle() } else if character == ",", !inQuotes {
                fields.append(field)
                field = ""
            } else {
                field.append(character)
            }
        }
        return fields + [field]
    }
}

/// Options that begin empty.
private protocol OptionsValue { init() }
extension BindOptions: OptionsValue {}
extension VolumeOptions: OptionsValue {}
extension TmpfsOptions: OptionsValue {}
extension ImageOptions: OptionsValue {}
