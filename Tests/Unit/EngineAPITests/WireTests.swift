// What goes over the wire: names, nulls, zeroes, and what older clients send.
import EngineAPI
import Faults
import OCISpec
import Testing

private func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    try JSON.decode(type, from: Array(text.utf8))
}

private func encode(_ value: some Encodable) throws -> JSONValue {
    try JSON.decode(JSONValue.self, from: try JSON.encode(value))
}

@Suite("wire types")
struct WireTests {
    @Test("a create request takes its three parts from one object")
    func createRequest() throws {
        let request = try decode(
            ContainerCreateRequest.self,
            #"{"Image":"busybox","Cmd":["sh"],"Tty":true,"Unknown":{"x":1},"HostConfig":{"Memory":67108864,"NanoCpus":1500000000,"PortBindings":{"80/tcp":[{"HostPort":"8080"}],"81/tcp":null}},"NetworkingConfig":{"EndpointsConfig":{"bridge":null}}}"#
                .replacing(#""bridge":null"#, with: #""bridge":{}"#))
        #expect(request.config.image == "busybox")
        #expect(request.config.cmd == ["sh"])
        #expect(request.config.tty)
        #expect(request.hostConfig.memory == 64 << 20)
        #expect(request.hostConfig.nanoCpus == 1_500_000_000)
        #expect(request.hostConfig.portBindings?["80/tcp"]??.first?.hostPort == "8080")
        #expect(request.hostConfig.portBindings?["81/tcp"] == .some(.none))
        #expect(request.networkingConfig.endpointsConfig?["bridge"] != nil)
    }

    @Test("a create request without host configuration gets its zero values")
    func absentParts() throws {
        let request = try decode(ContainerCreateRequest.self, #"{"Image":"x","HostConfig":null}"#)
        #expect(request.hostConfig == HostConfig())
        #expect(request.hostConfig.memorySwappiness == nil)
        #expect(request.config.env == nil)
    }

    @Test("a create request comes back as it was sent")
    func roundTrip() throws {
        var request = ContainerCreateRequest()
        request.config.image = "busybox"
        request.config.entrypoint = ["/bin/sh"]
        request.hostConfig.binds = ["/a:/b"]
        request.hostConfig.restartPolicy.name = "always"
        #expect(try JSON.decode(ContainerCreateRequest.self, from: try JSON.encode(request)) == request)
    }

    @Test("commands may be one bare string", arguments: [#""true""#, #"["true"]"#])
    func bareString(_ text: String) throws {
        #expect(try decode(ContainerConfig.self, #"{"Cmd":\#(text)}"#).cmd == ["true"])
    }

    @Test("a wrong type is refused with its place")
    func wrongType() {
        #expect(throws: Fault.self) { try decode(ContainerCreateRequest.self, #"{"Image":7}"#) }
        #expect { try decode(ContainerCreateRequest.self, #"{"HostConfig":{"Memory":"much"}}"#) } throws: { error in
            "\(error)".contains("/HostConfig/Memory")
        }
    }

    @Test("ports that are exposed and not published are sent as null")
    func nullPorts() throws {
        var settings = NetworkSettings()
        settings.ports = ["80/tcp": nil, "81/tcp": [PortBinding(hostIP: "0.0.0.0", hostPort: "81")]]
        guard case .object(let members)? = try encode(settings)["Ports"] else {
            Issue.record("Ports is no object")
            return
        }
        #expect(members.contains { $0.name == "80/tcp" && $0.value == .null })
        #expect(members.contains { $0.name == "81/tcp" && $0.value != .null })
    }

    @Test("lists that docker's clients walk are never null, and optional pointers are")
    func nulls() throws {
        let created = try encode(ContainerCreateResponse(id: "x"))
        #expect(created["Warnings"] == .array([]))
        let inspect = try encode(ContainerInspect())
        #expect(inspect["ExecIDs"] == .null)
        #expect(inspect["Mounts"] == .array([]))
        #expect(inspect["SizeRw"] == nil)
        #expect(inspect["HostConfig"]?["PidsLimit"] == .null)
        #expect(inspect["HostConfig"]?["Init"] == nil)
        #expect(inspect["HostConfig"]?["Memory"] == .integer(0))
        #expect(inspect["State"]?["Running"] == .bool(false))
    }

    @Test("members of a progress message that say nothing are not sent")
    func progress() throws {
        #expect(try encode(JSONMessage.stream("hello\n")) == .object([JSONMember(name: "stream", value: .string("hello\n"))]))
        let failure = try encode(JSONMessage.failure("broken", code: 400))
        #expect(failure["error"] == .string("broken"))
        #expect(failure["errorDetail"]?["message"] == .string("broken"))
    }

    @Test("an event repeats itself for old clients when it is a container's")
    func events() throws {
        let event = EventMessage(
            .container, "start", id: "abc", attributes: ["image": "busybox", "name": "web"], at: Timestamp(seconds: 5, nanosecond: 7))
        let wire = try encode(event)
        #expect(wire["status"] == .string("start"))
        #expect(wire["from"] == .string("busybox"))
        #expect(wire["Actor"]?["ID"] == .string("abc"))
        #expect(wire["timeNano"] == .integer(5_000_000_007))
        #expect(try encode(EventMessage(.network, "connect", id: "n"))["status"] == nil)
    }
}
