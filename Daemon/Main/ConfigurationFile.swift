// ConfigurationFile owns /etc/cais/daemon.json: its values in the same form that flags have, and
// docker's refusals of unknown keys and of what is said twice.
import Faults
import Flags
import Linux
import OCISpec

/// The settings of a file, as texts by key.
struct ConfigurationFile: Sendable, Equatable {
    /// Texts by key; a key of daemon.json that is a list or a map has one for each entry.
    private(set) var values: [String: [String]] = [:]

    /// Bytes of a file at most.
    private static let bytesMax = 1 << 20

    /// Reads a file; where it was not asked for and does not exist, it is empty.
    /// - Throws: `notFound` for a file that was asked for, `invalidArgument` for a malformed one.
    init(path: String, isRequired: Bool) throws(Fault) {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Files.read(path, limit: Self.bytesMax) } catch {
            if error == .noEntry, !isRequired { return }
            throw Fault(error == .noEntry ? .notFound : .failed, error.description, errno: error.rawValue, trail: ["read \(path)"])
        }
        do throws(Fault) { self = try ConfigurationFile(bytes) } catch { throw error.within("configuration file \(path)") }
    }

    /// Reads the text of a file.
    /// - Throws: `invalidArgument` where it is malformed or has keys that mean nothing.
    init(_ bytes: [UInt8]) throws(Fault) {
        if bytes.allSatisfy({ $0 == 32 || $0 == 10 || $0 == 13 || $0 == 9 }) { return }
        guard case .object(let members) = try JSON.decode(JSONValue.self, from: bytes) else {
            throw Fault(.invalidArgument, "expected an object")
        }
        let known = Set(Settings.all.map(\.key))
        let unknown = members.map(\.name).filter { !known.contains($0) }
        guard unknown.isEmpty else {
            throw Fault(.invalidArgument, "the following directives don't match any configuration option: \(unknown.joined(separator: ", "))")
        }
        for member in members {
            do throws(Fault) { values[member.name] = try Self.texts(member.value) } catch { throw error.within(member.name) }
        }
    }

    /// Refuses what the command line says too.
    /// - Throws: `invalidArgument` naming both values.
    func requireDisjoint(from arguments: Arguments) throws(Fault) {
        let twice = Settings.all.filter { values[$0.key] != nil && arguments.isSet($0.flag.name) }
        guard !twice.isEmpty else { return }
        let texts = twice.map { "\($0.key): (from flag: \(Settings.values(of: $0, arguments).joined(separator: ", ")), from file: \((values[$0.key] ?? []).joined(separator: ", ")))" }
        throw Fault(
            .invalidArgument, "the following directives are specified both as a flag and in the configuration file: \(texts.joined(separator: ", "))")
    }

    /// Sets what the file says.
    /// - Throws: `invalidArgument` naming the key.
    func apply(to configuration: inout DaemonConfiguration) throws(Fault) {
        for setting in Settings.all {
            guard let values = values[setting.key] else { continue }
            if case .list = setting.flag.kind {} else if values.count != 1 { throw Fault(.invalidArgument, "\(setting.key): expected one value") }
            do throws(Fault) { try setting.apply(&configuration, values) } catch { throw error.within(setting.key) }
        }
    }

    private static func texts(_ value: JSONValue) throws(Fault) -> [String] {
        switch value {
        case .array(let entries):
            var texts: [String] = []
            for entry in entries { texts.append(try entryText(entry)) }
            return texts
        case .object(let members):
            var texts: [String] = []
            for member in members { texts.append("\(member.name)=\(try mapText(member.value))") }
            return texts
        case .null, .bool, .integer, .unsigned, .number, .string: return [try scalar(value)]
        }
    }

    /// An entry of a list; an address pool is an object of its parts.
    private static func entryText(_ value: JSONValue) throws(Fault) -> String {
        guard case .object(let members) = value else { return try scalar(value) }
        var parts: [String] = []
        for member in members { parts.append("\(member.name)=\(try scalar(member.value))") }
        return parts.joined(separator: ",")
    }

    /// The value of a map; a runtime is an object with its path.
    private static func mapText(_ value: JSONValue) throws(Fault) -> String {
        guard case .object(let members) = value else { return try scalar(value) }
        guard members.count == 1, members[0].name == "path" else {
            throw Fault(.invalidArgument, "expected an object with the member \"path\" alone")
        }
        return try scalar(members[0].value)
    }

    private static func scalar(_ value: JSONValue) throws(Fault) -> String {
        switch value {
        case .string(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .unsigned(let number): String(number)
        case .null, .number, .array, .object: throw Fault(.invalidArgument, "expected a text, a whole number or true or false")
        }
    }
}

extension Settings {
    /// What the command line says for a setting.
    static func values(of setting: Setting, _ arguments: Arguments) -> [String] {
        if case .list = setting.flag.kind { return arguments.strings(setting.flag.name) }
        return [arguments.string(setting.flag.name)]
    }
}

extension DaemonConfiguration {
    /// Where the file is when nobody says otherwise.
    static let fileDefault = "/etc/cais/daemon.json"

    /// The configuration that a command line and its file say together.
    /// - Throws: `invalidArgument` naming the flag, the key or the file.
    static func read(_ arguments: Arguments) throws(Fault) -> DaemonConfiguration {
        let path = arguments.optional("config-file") ?? fileDefault
        let file = try ConfigurationFile(path: path, isRequired: arguments.isSet("config-file"))
        try file.requireDisjoint(from: arguments)
        var configuration = DaemonConfiguration()
        try file.apply(to: &configuration)
        for setting in Settings.all where arguments.isSet(setting.flag.name) {
            do throws(Fault) { try setting.apply(&configuration, Settings.values(of: setting, arguments)) } catch {
                throw error.within("--\(setting.flag.name)")
            }
        }
        return configuration
    }
}
