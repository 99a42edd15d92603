import Faults
import OCISpec
import Testing

@Suite struct ImageSpecTests {
    static let hex = String(repeating: "ab", count: 32)

    @Test(
        "references are normalised as Docker does it",
        arguments: [
            ("alpine", "docker.io/library/alpine", "alpine"), ("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
            ("library/alpine", "docker.io/library/alpine", "alpine"), ("docker.io/alpine", "docker.io/library/alpine", "alpine"),
            ("index.docker.io/library/alpine", "docker.io/library/alpine", "alpine"), ("me/app:v1", "docker.io/me/app:v1", "me/app:v1"),
            ("library/a/b", "docker.io/library/a/b", "library/a/b"), ("localhost/app", "localhost/app", "localhost/app"),
            ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"), ("ghcr.io/o/r/s", "ghcr.io/o/r/s", "ghcr.io/o/r/s"),
            ("Host/app", "Host/app", "Host/app"), ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"), ("a__b/c-d.e---f", "docker.io/a__b/c-d.e---f", "a__b/c-d.e---f"),
            ("alpine@sha256:\(hex)", "docker.io/library/alpine@sha256:\(hex)", "alpine@sha256:\(hex)"),
            ("q.io:1/x:T_a.g-1@sha256:\(hex)", "q.io:1/x:T_a.g-1@sha256:\(hex)", "q.io:1/x:T_a.g-1@sha256:\(hex)"),
        ])
    func references(_ text: String, _ full: String, _ familiar: String) throws {
        let reference = try ImageReference(parsing: text)
        #expect(reference.description == full)
        #expect(reference.familiar == familiar)
        #expect(try ImageReference(parsing: full) == reference)
        #expect(try ImageReference(parsing: familiar) == reference)
    }

    @Test(
        "what is no reference is refused in Docker's words",
        arguments: [
            ("", "invalid reference format"), (":tag", "invalid reference format"), ("a:", "invalid reference format"), ("a//b", "invalid reference format"),
            ("/a", "invalid reference format"), ("a/", "invalid reference format"), ("-a", "invalid reference format"), ("a-", "invalid reference format"),
            ("a..b", "invalid reference format"), ("a___b", "invalid reference format"), ("a._b", "invalid reference format"), ("a b", "invalid reference format"),
            ("a:-x", "invalid reference format"), ("a@sha256:12", "invalid reference format"), ("a@md5:\(hex)", "invalid reference format"),
            ("../a", "invalid reference format"), ("a/../b", "invalid reference format"), ("é", "invalid reference format"), ("x.io:/a", "invalid reference format"),
            ("a:" + String(repeating: "t", count: 129), "invalid reference format"),
            ("Alpine", "invalid reference format: repository name (library/Alpine) must be lowercase"),
            (hex, "invalid repository name (\(hex)), cannot specify 64-byte hexadecimal strings"),
            (String(repeating: "a", count: 250), "repository name must not be more than 255 characters"),
        ])
    func malformedReferences(_ text: String, _ message: String) {
        #expect(throws: Fault(.invalidArgument, message)) { try ImageReference(parsing: text) }
    }

    @Test("only a name without tag and digest gets the default tag")
    func defaultTag() throws {
        #expect(try ImageReference(parsing: "a").withDefaultTag.familiar == "a:latest")
        #expect(try ImageReference(parsing: "a:1").withDefaultTag.familiar == "a:1")
        #expect(try ImageReference(parsing: "a@sha256:\(Self.hex)").withDefaultTag.tag == nil)
        #expect(try ImageReference(parsing: "a@sha256:\(Self.hex)").tagged("x").familiar == "a:x")
        #expect(throws: Fault.self) { try ImageReference(parsing: "a").tagged("x/y") }
    }

    @Test("a digest is an algorithm and its number of lower-case digits")
    func digests() throws {
        let digest = try Digest(parsing: "sha256:\(Self.hex)")
        #expect(digest.algorithm == .sha256 && digest.hex == Self.hex && digest.short == "abababababab")
        #expect(Digest(bytes: [UInt8](repeating: 0xAB, count: 32)) == digest)
        #expect(try Digest(parsing: "sha512:\(Self.hex)\(Self.hex)").algorithm == .sha512)
        #expect(try JSON.decode([Digest].self, from: JSON.encode([digest])) == [digest])
    }

    @Test(
        "what is no digest is refused",
        arguments: [
            "", "sha256", "sha256:", ":\(hex)", "md5:\(hex)", "sha256:\(hex)0", "sha256:\(hex.dropLast())", "sha256:\(hex.uppercased())", "sha512:\(hex)",
            "sha256:../\(hex.dropFirst(3))", "SHA256:\(hex)", "sha256:\(hex.dropLast())/", "sha256:\(hex)\n",
        ])
    func malformedDigests(_ text: String) {
        #expect { try Digest(parsing: text) } throws: { ($0 as? Fault)?.kind == .invalidArgument }
    }

    @Test(
        "platforms have Go's names",
        arguments: [
            ("linux/amd64", "linux/amd64"), ("linux/x86_64", "linux/amd64"), ("linux/aarch64", "linux/arm64/v8"), ("linux/arm/7", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"), ("linux/arm/v6", "linux/arm/v6"), ("Linux/AMD64", "linux/amd64"), ("riscv64", "linux/riscv64"),
            ("windows/amd64", "windows/amd64"),
        ])
    func platforms(_ text: String, _ name: String) throws {
        #expect(try Platform(parsing: text).description == name)
    }

    @Test("what is no platform is refused", arguments: ["", "/", "linux/", "a/b/c/d", "linux/am d64", "galaxy"])
    func malformedPlatforms(_ text: String) {
        #expect(throws: Fault.self) { try Platform(parsing: text) }
    }

    @Test("an image runs where its processor is, or where a newer one understands it")
    func runsOn() {
        let amd64 = Platform(os: "linux", architecture: "amd64")
        let armv7 = Platform(os: "linux", architecture: "arm", variant: "v7")
        #expect(amd64.runs(on: amd64))
        #expect(Platform(os: "linux", architecture: "386").runs(on: amd64))
        #expect(Platform(os: "linux", architecture: "arm", variant: "v6").runs(on: armv7))
        #expect(!Platform(os: "linux", architecture: "arm", variant: "v8").runs(on: armv7))
        #expect(!Platform(os: "windows", architecture: "amd64").runs(on: amd64))
    }

    @Test("a Docker configuration keeps its extensions and its layers")
    func imageConfig() throws {
        let text = """
            {"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","docker_version":"28",
            "config":{"Env":["A=1"],"Cmd":["sh"],"Volumes":{"/data":{}},"ExposedPorts":{"80/tcp":{}},"Labels":null,"OnBuild":null,
            "Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":30000000000}},
            "rootfs":{"type":"layers","diff_ids":["sha256:\(Self.hex)"]},"history":[{"created_by":"x","empty_layer":true}],"container_config":{"Cmd":[1]}}
            """
        let config = try JSON.decode(ImageConfig.self, from: Array(text.utf8))
        #expect(config.config?.cmd == ["sh"] && config.config?.volumes == ["/data": EmptyObject()] && config.config?.labels == nil)
        #expect(config.config?.healthcheck?.interval == 30_000_000_000)
        #expect(config.rootfs.diffIDs.map(\.hex) == [Self.hex])
        #expect(config.history?.first?.emptyLayer == true)
        #expect(try JSON.decode(ImageConfig.self, from: JSON.encode(config)) == config)
    }
}
