import EngineAPI
import EngineEvents
import EngineStore
import Faults
import Glibc
import Linux
import OCISpec
import Synchronization

@testable import Containers

/// A directory that goes away with the test.
final class Scratch: Sendable {
    let path: String
    init() {
        var template = Array("/tmp/cais-containers-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template)!)
    }
    deinit { try? Files.removeTree(path) }
}

/// Images in memory, which notes what is asked of it.
final class MemoryImages: ContainerImages {
    let calls = Mutex<[String]>([])
    let known: [String: ImageConfig]
    let failing: String?

    init(_ known: [String: ImageConfig] = ["busybox": MemoryImages.busybox], failing: String? = nil) {
        self.known = known
        self.failing = failing
    }

    static let busybox = ImageConfig(
        architecture: HostFacts.goProcessor, os: "linux", config: ImageConfig.Execution(env: ["PATH=/bin", "LANG=C"], cmd: ["sh"]),
        rootfs: ImageConfig.RootFS(diffIDs: []))

    private func note(_ call: String) throws(Fault) {
        calls.withLock { $0.append(call) }
        if call.split(separator: " ").first.map(String.init) == failing { throw Fault(.failed, "\(call) was told to fail") }
    }

    func image(_ reference: String) async throws(Fault) -> ContainerImage {
        guard let config = known[reference] else { throw Fault(.notFound, "No such image: \(reference):latest") }
        return ContainerImage(id: "sha256:\(String(repeating: "1", count: 64))", reference: reference, config: config)
    }
    func prepareRootfs(_ id: ContainerID, image: String) async throws(Fault) { try note("prepare") }
    func mountRootfs(_ id: ContainerID, image: String, at path: String) async throws(Fault) { try note("mount") }
    func unmountRootfs(at path: String) async throws(Fault) { try note("unmount") }
    func removeRootfs(_ id: ContainerID) async throws(Fault) { try note("remove") }
    func sizes(_ id: ContainerID, image: String) async throws(Fault) -> (writable: Int64, total: Int64) { (7, 11) }
}

/// Networks in memory, which notes what is asked of it.
final class MemoryNetworks: ContainerNetworks {
    let calls = Mutex<[String]>([])
    let failing: String?

    init(failing: String? = nil) { self.failing = failing }

    private func note(_ call: String) throws(Fault) {
        calls.withLock { $0.append(call) }
        if call == failing { throw Fault(.failed, "\(call) was told to fail") }
    }

    func validate(_ request: NetworkRequest) throws(Fault) {}

    func connect(_ request: NetworkRequest) async throws(Fault) -> NetworkAttachment {
        try note("connect")
        return NetworkAttachment(namespacePath: "/run/netns/x", settings: NetworkSettings(), ipv4: "10.0.0.2", gateway: "10.0.0.1")
    }
    func disconnect(_ id: ContainerID) async throws(Fault) { try note("disconnect") }
    func reconcile(running: Set<ContainerID>) async { calls.withLock { $0.append("reconcile \(running.count)") } }
}

/// A service on a directory of its own, without a shim's program.
struct Workshop {
    let scratch = Scratch()
    let images: MemoryImages
    let networks: MemoryNetworks
    let events = EventBus()
    let store: EngineStore
    let service: ContainerService

    init(images: MemoryImages = MemoryImages(), networks: MemoryNetworks = MemoryNetworks()) throws {
        self.images = images
        self.networks = networks
        store = try EngineStore(path: scratch.path + "/cais.db")
        service = Workshop.service(scratch, store, events, images, networks)
    }

    static func service(
        _ scratch: Scratch, _ store: EngineStore, _ events: EventBus, _ images: MemoryImages, _ networks: MemoryNetworks
    ) -> ContainerService {
        let configuration = ContainersConfiguration(
            dataRoot: scratch.path + "/data", execRoot: scratch.path + "/run", shim: "/nonexistent/cais-shim",
            runtimes: ["cais-runtime": "/nonexistent/cais-runtime"], defaultRuntime: "cais-runtime")
        return ContainerService(configuration: configuration, store: store, events: events, images: images, networks: networks)
    }

    /// The same engine after a kill: nothing but what is on disk.
    func reborn() -> ContainerService { Workshop.service(scratch, store, events, images, networks) }

    func request(_ change: (inout ContainerCreateRequest) -> Void = { _ in }) -> ContainerCreateRequest {
        var request = ContainerCreateRequest()
        request.config.image = "busybox"
        change(&request)
        return request
    }
}

extension HostFacts {
    /// A machine for tests: two processors, cgroup v1.
    static let testing = HostFacts(
        cgroupV2: false, kernel: (6, 1), processor: "amd64", cpus: [0, 1], memoryNodes: [0],
        capabilities: Set(["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_NET_RAW"]), thermalPaths: [],
        hostname: "host", networkSysctls: ["net.ipv4.ip_unprivileged_port_start": "0"])
}
