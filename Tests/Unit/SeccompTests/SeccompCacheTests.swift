import CLinux
import Linux
import OCISpec
import Testing

@testable import Seccomp

@Suite struct SeccompCacheTests {
    static func withDirectory(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/cais-test-seccomp-XXXXXX".utf8CString)
        let root = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { try? Files.removeTree(root) }  // A test that failed has said why.
        try body("\(root)/cache")
    }

    static let profile = RuntimeSpec.Linux.Seccomp(defaultAction: .allow, syscalls: [.init(names: ["mount"], action: .errno)])

    @Test(
        "SHA-256 gives the published values",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
            (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ])
    func digest(_ text: String, _ hex: String) throws {
        #expect(Digest(bytes: SHA256.hash(Array(text.utf8))).hex == hex)
    }

    @Test("lengths around a block are padded right")
    func padding() {
        // Every length gives another digest, and none reads beyond its block.
        #expect(Set((0..<200).map { SHA256.hash([UInt8](repeating: 0, count: $0)) }).count == 200)
    }

    @Test("a filter is kept, private to its owner, and found again")
    func found() throws {
        try Self.withDirectory { directory in
            let first = try SeccompFilter.compile(Self.profile, cacheDirectory: directory)
            let names = try Files.names(in: directory)
            #expect(names == ["\(SeccompCache.key(of: Self.profile)).bpf"])
            #expect(try Files.open("\(directory)/\(names[0])").status().st_mode & 0o777 == 0o600)
            #expect(SeccompCache(directory: directory).load(SeccompCache.key(of: Self.profile)) == first.program)
            #expect(try SeccompFilter.compile(Self.profile, cacheDirectory: directory) == first)
        }
    }

    @Test("a file that is damaged, cut, empty, too wide open, or no file is not used, and replaced")
    func damage() throws {
        try Self.withDirectory { directory in
            let program = try SeccompFilter.compile(Self.profile, cacheDirectory: directory).program
            let key = SeccompCache.key(of: Self.profile)
            let path = "\(directory)/\(key).bpf"
            let cache = SeccompCache(directory: directory)
            let sound = try Files.read(path)
            var flipped = sound
            flipped[sound.count - 1] ^= 1
            for damaged in [flipped, Array(sound.dropLast()), Array(sound.dropLast(8)), [], Array(sound.prefix(40)), sound + sound] {
                try Files.replace(path, with: damaged, durable: false)
                #expect(cache.load(key) == nil)
                #expect(try SeccompFilter.compile(Self.profile, cacheDirectory: directory).program == program)
                #expect(cache.load(key) == program)
            }
            chmod(path, 0o666)
            #expect(cache.load(key) == nil)
            unlink(path)
            symlink("/dev/zero", path)
            #expect(cache.load(key) == nil)
            unlink(path)
            mkfifo(path, 0o600)
            #expect(cache.load(key) == nil)
        }
    }

    @Test("a cache that cannot be written costs time, not the filter")
    func unwritable() throws {
        #expect(try !SeccompFilter.compile(Self.profile, cacheDirectory: "/proc/nowhere/cache").program.isEmpty)
    }

    @Test("profiles that differ anywhere have different names, the flags apart")
    func keys() {
        var profiles = [Self.profile, .init(defaultAction: .allow), .init(defaultAction: .errno), .init(defaultAction: .errno, defaultErrnoRet: 0)]
        profiles.append(.init(defaultAction: .allow, architectures: [.x86], syscalls: Self.profile.syscalls))
        profiles.append(.init(defaultAction: .allow, syscalls: [.init(names: ["mou", "nt"], action: .errno)]))
        profiles.append(.init(defaultAction: .allow, syscalls: [.init(names: ["mount"], action: .errno, errnoRet: 1)]))
        profiles.append(.init(defaultAction: .allow, syscalls: [.init(names: ["mount"], action: .errno, args: [.init(index: 0, value: 0, op: .equal)])]))
        profiles.append(.init(defaultAction: .allow, syscalls: [.init(names: ["mount"], action: .errno, args: [.init(index: 0, value: 0, valueTwo: 0, op: .equal)])]))
        #expect(Set(profiles.map(SeccompCache.key(of:))).count == profiles.count)
        var flagged = Self.profile
        flagged.flags = [.log]
        #expect(SeccompCache.key(of: flagged) == SeccompCache.key(of: Self.profile))
    }
}
