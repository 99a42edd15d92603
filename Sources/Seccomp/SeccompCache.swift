import CLinux
import CSeccomp
import Linux
import OCISpec

/// Compiled filters on disk, named by the digest of what they were compiled from. A file that is
/// damaged, foreign or writable by others is as good as none. Nothing here fails: without a cache
/// the filter is compiled.
struct SeccompCache {
    let directory: String

    /// The most files; a machine has a handful of profiles, and one that has more starts again.
    private static let filesMax = 256
    /// The first bytes of a file; the last is the version of the format and of what is compiled.
    private static let magic: [UInt8] = Array("CAISBPF".utf8) + [2]
    private static let headerBytes = 8 + 32

    /// The name of a profile's filter: the digest of everything the program follows from.
    static func key(of profile: RuntimeSpec.Linux.Seccomp) -> String {
        SHA256.hash(canonical(profile)).map { Self.hex($0) }.joined()
    }

    /// A profile in one unambiguous row of bytes: every text and list is preceded by its length. The
    /// flags are no part of the program, the version of libseccomp is.
    private static func canonical(_ profile: RuntimeSpec.Linux.Seccomp) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8_192)
        func put(_ value: UInt64) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
        func put(_ value: UInt64?) {
            bytes.append(value == nil ? 0 : 1)
            put(value ?? 0)
        }
        func put(_ text: String) {
            put(UInt64(text.utf8.count))
            bytes += text.utf8
        }
        put(UInt64(cais_scmp_version()))
        put(Platform.host.architecture)
        put(profile.defaultAction.rawValue)
        put(profile.defaultErrnoRet.map(UInt64.init))
        put(UInt64(profile.architectures?.count ?? 0))
        for architecture in profile.architectures ?? [] { put(architecture.rawValue) }
        put(UInt64(profile.syscalls?.count ?? 0))
        for rule in profile.syscalls ?? [] {
            put(rule.action.rawValue)
            put(rule.errnoRet.map(UInt64.init))
            put(UInt64(rule.names.count))
            for name in rule.names { put(name) }
            put(UInt64(rule.args?.count ?? 0))
            for argument in rule.args ?? [] {
                put(UInt64(argument.index))
                put(argument.value)
                put(argument.valueTwo)
                put(argument.op.rawValue)
            }
        }
        return bytes
    }

    /// The program kept under `key`, if it is there and sound.
    func load(_ key: String) -> [UInt8]? {
        // Whatever is wrong with the file, the answer is to compile again.
        try? read(key)
    }

    private func read(_ key: String) throws(Errno) -> [UInt8] {
        let file = try Files.open(path(key), flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        let status = try file.status()
        let mode = CInt(bitPattern: status.st_mode)
        guard mode & S_IFMT == S_IFREG, mode & 0o022 == 0, status.st_uid == geteuid() else { throw .notPermitted }
        let limit = Self.headerBytes + SeccompFilter.instructionsMax * 8
        let bytes = try file.readAll(limit: limit)
        let program = bytes.dropFirst(Self.headerBytes)
        guard !program.isEmpty, program.count % 8 == 0, bytes.starts(with: Self.magic),
            bytes[8..<Self.headerBytes].elementsEqual(SHA256.hash(Array(program)))
        else { throw .invalid }
        return Array(program)
    }

    /// Keeps a program. The file appears whole or not at all; it is not synced to disk, since one
    /// that a crash damages is found out by its digest.
    func store(_ program: [UInt8], _ key: String) {
        do {
            try Files.makeDirectories(directory, mode: 0o700)
            try Files.replace(path(key), with: Self.magic + SHA256.hash(program) + program, mode: 0o600, durable: false)
            let names = try Files.names(in: directory)
            if names.count > Self.filesMax { names.forEach { unlink("\(directory)/\($0)") } }
        } catch {
            return  // A full or read-only disk costs time, not the container.
        }
    }

    private func path(_ key: String) -> String { "\(directory)/\(key).bpf" }

    private static func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}
