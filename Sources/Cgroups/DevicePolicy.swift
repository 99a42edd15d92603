import Faults
import OCISpec

/// Which devices a container may use: what holds for all, and the exceptions. Made from the rules
/// of a configuration in their order, with the meaning the v1 kernel gives them, so that both
/// generations allow the same.
struct DevicePolicy: Hashable, Sendable {
    /// What may be done with a device.
    struct Access: OptionSet, Hashable, Sendable {
        let rawValue: UInt8
        // The values are those of BPF_DEVCG_ACC_*.
        static let mknod = Access(rawValue: 1)
        static let read = Access(rawValue: 2)
        static let write = Access(rawValue: 4)
        static let all: Access = [.mknod, .read, .write]

        init(rawValue: UInt8) { self.rawValue = rawValue }

        init(letters: String?) throws(Fault) {
            guard let letters, !letters.isEmpty else {
                self = .all
                return
            }
            var access: Access = []
            for letter in letters.utf8 {
                switch letter {
                case UInt8(ascii: "r"): access.insert(.read)
                case UInt8(ascii: "w"): access.insert(.write)
                case UInt8(ascii: "m"): access.insert(.mknod)
                case _: throw Fault(.invalidArgument, "invalid device access \"\(letters)\": want letters of rwm")
                }
            }
            self = access
        }
    }

    /// Character or block.
    enum Kind: String, Hashable, Sendable {
        case character = "c"
        case block = "b"
    }

    /// Devices that are treated otherwise than the rest.
    struct Exception: Hashable, Sendable, CustomStringConvertible {
        let kind: Kind
        /// nil is any.
        let major: UInt32?
        let minor: UInt32?
        var access: Access

        /// Whether the other's devices are among this one's.
        func contains(_ other: Exception) -> Bool {
            (major == nil || major == other.major) && (minor == nil || minor == other.minor)
        }

        /// As v1's files want it.
        var description: String {
            let number = { (value: UInt32?) in value.map(String.init) ?? "*" }
            let letters = (access.contains(.read) ? "r" : "") + (access.contains(.write) ? "w" : "") + (access.contains(.mknod) ? "m" : "")
            return "\(kind.rawValue) \(number(major)):\(number(minor)) \(letters)"
        }
    }

    private(set) var allowsByDefault = false
    private(set) var exceptions: [Exception] = []

    /// Applies the rules to a policy that allows nothing, and adds the devices that every container has.
    init(_ rules: [RuntimeSpec.Linux.Resources.DeviceRule]) throws(Fault) {
        for rule in rules { try apply(rule) }
        if !allowsByDefault { Self.always.forEach { add($0) } }
    }

    /// The devices that every container has, and the making of nodes, which gives no access.
    private static let always: [Exception] = [
        Exception(kind: .character, major: nil, minor: nil, access: .mknod),
        Exception(kind: .block, major: nil, minor: nil, access: .mknod),
        Exception(kind: .character, major: 1, minor: 3, access: .all),  // null
        Exception(kind: .character, major: 1, minor: 5, access: .all),  // zero
        Exception(kind: .character, major: 1, minor: 7, access: .all),  // full
        Exception(kind: .character, major: 1, minor: 8, access: .all),  // random
        Exception(kind: .character, major: 1, minor: 9, access: .all),  // urandom
        Exception(kind: .character, major: 5, minor: 0, access: .all),  // tty
        Exception(kind: .character, major: 5, minor: 2, access: .all),  // ptmx
        Exception(kind: .character, major: 136, minor: nil, access: .all),  // pts
    ]

    private mutating func apply(_ rule: RuntimeSpec.Linux.Resources.DeviceRule) throws(Fault) {
        let access = try Access(letters: rule.access)
        let major = try Self.number(rule.major)
        let minor = try Self.number(rule.minor)
        let kinds: [Kind]
        switch rule.type {
        case nil, "", "a": kinds = [.block, .character]
        case "c", "u": kinds = [.character]
        case "b": kinds = [.block]
        case let other?: throw Fault(.invalidArgument, "invalid device type \"\(other)\": want a, b or c")
        }
        // A rule about all devices starts afresh, as the kernel does.
        if kinds.count == 2, major == nil, minor == nil {
            guard access != .all else {
                (allowsByDefault, exceptions) = (rule.allow, [])
                return
            }
        }
        for kind in kinds {
            let exception = Exception(kind: kind, major: major, minor: minor, access: access)
            if rule.allow { try allow(exception) } else { try deny(exception) }
        }
    }

    private mutating func allow(_ exception: Exception) throws(Fault) {
        if allowsByDefault { try remove(exception) } else { add(exception) }
    }

    private mutating func deny(_ exception: Exception) throws(Fault) {
        if allowsByDefault { add(exception) } else { try remove(exception) }
    }

    private mutating func add(_ exception: Exception) {
        if let at = index(exception) { exceptions[at].access.formUnion(exception.access) } else { exceptions.append(exception) }
    }

    /// An exception can only be taken back as it was made. The kernel of v1 silently ignores a hole in
    /// a wider one, which would leave a device allowed that somebody believes denied.
    /// Making nodes alone gives no access and is allowed to all in the end.
    private mutating func remove(_ exception: Exception) throws(Fault) {
        let wider = exceptions.first {
            $0.kind == exception.kind && !$0.access.intersection(exception.access).isSubset(of: .mknod) && $0.contains(exception) && !exception.contains($0)
        }
        if let wider { throw Fault(.invalidArgument, "device rule \"\(exception)\" would be a hole in \"\(wider)\", which cgroups cannot have") }
        guard let at = index(exception) else { return }
        exceptions[at].access.subtract(exception.access)
        if exceptions[at].access.isEmpty { exceptions.remove(at: at) }
    }

    private func index(_ exception: Exception) -> Int? {
        exceptions.firstIndex { $0.kind == exception.kind && $0.major == exception.major && $0.minor == exception.minor }
    }

    /// What this policy excepts and the other does not.
    func exceptions(beyond other: DevicePolicy) -> [Exception] {
        exceptions.compactMap { exception in
            var rest = exception
            if let at = other.index(exception) { rest.access.subtract(other.exceptions[at].access) }
            return rest.access.isEmpty ? nil : rest
        }
    }

    private static func number(_ value: Int64?) throws(Fault) -> UInt32? {
        guard let value, value >= 0 else { return nil }
        guard let number = UInt32(exactly: value) else { throw Fault(.invalidArgument, "device number \(value) is too large") }
        return number
    }
}
