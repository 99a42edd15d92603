import Faults
import Linux
import OCISpec
import Testing

@Suite struct RuntimeSpecTests {
    /// A configuration as an engine writes it: default mounts, masks, devices and system call filter.
    static func fixture(_ name: String = "config.json") throws -> [UInt8] {
        let tests = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return try Files.read("/\(tests)/Support/Fixtures/\(name)")
    }

    /// Reads the general way, through `Codable`.
    static func decodeGenerally<T: Decodable>(_ type: T.Type, _ bytes: [UInt8]) throws -> T { try JSON.decode(type, from: bytes) }

    @Test("every property of the specification is read, both ways, and written again")
    func everyProperty() throws {
        let bytes = try Self.fixture("config-every-property.json")
        let spec = try JSON.decode(RuntimeSpec.self, from: bytes)
        #expect(try Self.decodeGenerally(RuntimeSpec.self, bytes) == spec)
        let process = try JSON.encode(spec.process)
        #expect(try JSON.decode(RuntimeSpec.Process.self, from: process) == spec.process)
        let canonical = { (bytes: [UInt8]) in try JSON.encode(JSON.decode(JSONValue.self, from: bytes), sortedKeys: true) }
        #expect(try canonical(JSON.encode(spec)) == canonical(bytes))
    }

    @Test("both ways of reading refuse the same documents at the same place")
    func sameRefusals() throws {
        let sound = try Self.fixture("config-every-property.json")
        var checked = 0
        for at in sound.indices where sound[at] == UInt8(ascii: ":") && sound[at + 1] == 0x20 {
            // The value is put into an array: of the wrong type for every member that is no list of such.
            let end = sound[at...].firstIndex(of: 0x0A) ?? sound.endIndex
            guard let last = sound[at..<end].last, last != UInt8(ascii: "{"), last != UInt8(ascii: "[") else { continue }
            let hasComma = last == UInt8(ascii: ",")
            var damaged = sound
            damaged.insert(UInt8(ascii: "]"), at: hasComma ? end - 1 : end)
            damaged.insert(UInt8(ascii: "["), at: at + 1)
            let place = { (body: () throws -> RuntimeSpec) in
                do { _ = try body() } catch { return (error as? Fault)?.trail ?? ["another error"] }
                return ["no error"]
            }
            #expect(place { try JSON.decode(RuntimeSpec.self, from: damaged) } == place { try Self.decodeGenerally(RuntimeSpec.self, damaged) })
            #expect(place { try JSON.decode(RuntimeSpec.self, from: damaged) } != ["no error"])
            checked += 1
        }
        #expect(checked > 150)
    }

    @Test("an engine's configuration is read with all its parts")
    func reads() throws {
        let spec = try JSON.decode(RuntimeSpec.self, from: Self.fixture())
        #expect(spec.process?.args?.last == "echo “ready”; exec sleep 9")
        #expect(spec.process?.capabilities?.bounding?.count == 14)
        #expect(spec.process?.rlimits?.last == .init(type: "RLIMIT_CORE", soft: 0, hard: .max))
        #expect(spec.mounts?.count == 10)
        #expect(spec.hooks?.prestart?.first?.timeout == 10)
        #expect(spec.linux?.namespaces?.map(\.type) == [.mount, .uts, .pid, .ipc, .cgroup, .network])
        #expect(spec.linux?.resources?.devices?.first == .init(allow: false, access: "rwm"))
        #expect(spec.linux?.resources?.blockIO?.throttleReadBpsDevice == [.init(major: 8, minor: 0, rate: 1_048_576)])
        #expect(spec.linux?.devices?.first == .init(type: .character, path: "/dev/fuse", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0))
        #expect(spec.linux?.seccomp?.architectures == [.x86_64, .x86, .x32])
        #expect((spec.linux?.seccomp?.syscalls ?? []).reduce(0) { $0 + $1.names.count } > 300)
        #expect(spec.annotations == ["org.example.note": "a \\ and a / and a é"])
    }

    @Test("what is read is written and read again unchanged")
    func roundTrip() throws {
        let spec = try JSON.decode(RuntimeSpec.self, from: Self.fixture())
        #expect(try JSON.decode(RuntimeSpec.self, from: JSON.encode(spec)) == spec)
        #expect(try JSON.decode(RuntimeSpec.self, from: JSON.encode(spec, pretty: true, sortedKeys: true)) == spec)
    }

    @Test("equal configurations with sorted members are equal bytes")
    func canonical() throws {
        let spec = try JSON.decode(RuntimeSpec.self, from: Self.fixture())
        let again = try JSON.decode(RuntimeSpec.self, from: JSON.encode(spec))
        #expect(try JSON.encode(spec, sortedKeys: true) == JSON.encode(again, sortedKeys: true))
    }

    @Test(
        "invalid values of known properties are refused with their pointer",
        arguments: [
            (#"{"ociVersion":1}"#, "/ociVersion"), (#"{}"#, "\"ociVersion\" is missing"),
            (#"{"ociVersion":"1.0.0","root":{}}"#, "(/root): member \"path\" is missing"),
            (#"{"ociVersion":"1.0.0","linux":{"namespaces":[{"type":"galaxy"}]}}"#, "/linux/namespaces/0/type"),
            (#"{"ociVersion":"1.0.0","linux":{"seccomp":{"defaultAction":"SCMP_ACT_SHRUG"}}}"#, "/linux/seccomp/defaultAction"),
            (#"{"ociVersion":"1.0.0","process":{"cwd":"/","args":["a",1]}}"#, "/process/args/1"),
            (#"{"ociVersion":"1.0.0","process":{"cwd":"/","user":{"uid":4294967296}}}"#, "/process/user/uid"),
            (#"{"ociVersion":"1.0.0","annotations":{"a":1}}"#, "/annotations/a"),
            (#"{"ociVersion":"1.0.0","process":{"cwd":"/","args":["a","b\u0000c"]}}"#, "(/process/args/1): a string with a NUL byte"),
            (#"{"ociVersion":"1.0.0","hostname":"a\u0000"}"#, "(/hostname): a string with a NUL byte"),
            (#"{"ociVersion":"1.0.0","linux":{"sysctl":{"x":"1","net.\u0000a":"1"}}}"#, "a name with a NUL byte"),
            (#"{"ociVersion":"1.0.0","linux":{"netDevices":{"eth\u00000":{}}}}"#, "a name with a NUL byte"),
            (#"{"ociVersion":"1.0.0","linux":{"resources":{"devices":[{"type":"a"}]}}}"#, "(/linux/resources/devices/0): member \"allow\" is missing"),
        ])
    func refuses(_ text: String, _ part: String) {
        #expect { try JSON.decode(RuntimeSpec.self, from: Array(text.utf8)) } throws: { "\($0)".contains(part) }
    }

    @Test("the state document has the names of the specification")
    func state() throws {
        let state = RuntimeState(id: "a", status: .created, pid: 7, bundle: "/b", annotations: ["k": "v"])
        let text = String(decoding: try JSON.encode(state, sortedKeys: true), as: UTF8.self)
        #expect(text == #"{"annotations":{"k":"v"},"bundle":"/b","id":"a","ociVersion":"1.3.0","pid":7,"status":"created"}"#)
    }
}
