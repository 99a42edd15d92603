// Compose wires the services to each other and to the server. It holds no behaviour: what one
// service wants of another is said in the other's protocol and translated here.
import CLinux
import Containers
import EngineAPI
import EngineEvents
import EngineServer
import EngineStore
import Faults
import Images
import Linux
import Logging
import Networks
import OCISpec

/// One engine: its claims, its services, its server.
final class Engine: Sendable {
    private let configuration: DaemonConfiguration
    private let claims: ClaimsHolder
    private let sockets: Sockets
    private let programs: Programs
    private let logger = Logger(label: "caisd")
    private let server = Once<HTTPServer>()

    /// Claims the engine's places; nothing is served yet.
    /// - Throws: what another engine has, or what is missing.
    init(claiming configuration: DaemonConfiguration) throws(Fault) {
        self.configuration = configuration
        programs = try Programs(configuration)
        claims = ClaimsHolder(try Claims(configuration))
        do throws(Fault) { sockets = try Sockets(configuration) } catch {
            claims.release()
            throw error
        }
    }

    /// Opens the records, finds the truth about what runs, and serves.
    func start() async throws(Fault) {
        let store = try await BlockingPool.shared.run { [configuration] () throws(Fault) in
            try EngineStore(path: "\(configuration.dataRoot)/cais.db")
        }
        if let file = store.quarantined { logger.error("damaged records were moved aside", metadata: ["file": "\(file)"]) }
        let events = EventBus()
        let images = try await BlockingPool.shared.run { [configuration] () throws(Fault) in
            try ImageService(dataRoot: configuration.dataRoot, store: store, events: events, log: Logger(label: "cais.images"))
        }
        let networks = try NetworkService(
            configuration: networkConfiguration(), store: store, events: events, log: Logger(label: "cais.networks"))
        let containers = ContainerService(
            configuration: containersConfiguration(), store: store, events: events, images: ImagesForContainers(images: images),
            networks: NetworksForContainers(networks: networks))
        images.setUsers(UsersOfImages(containers: containers))
        do throws(Fault) { try await networks.prepare() } catch {
            // Containers without a network, or on the host's, can still be had.
            logger.error("the default bridge is not available", metadata: ["error": "\(error)"])
        }
        await containers.recover()
        try await listen(
            Services(containers: containers, images: images, networks: networks, events: events, system: try facts(store)))
        Footprint.giveBackStartUp()
        // For as long as the process lives.
        Task { await Footprint.giveBackWhenQuiet() }
    }

    /// Stops serving. Containers run on: their supervisors do not need the daemon.
    func stop() async {
        await server.value?.stop()
        release()
    }

    /// Takes sockets and pid file away.
    func release() {
        sockets.release()
        claims.release()
    }

    private func listen(_ services: Services) async throws(Fault) {
        let server = HTTPServer(services: services, serverName: "Cais/\(engineVersion) (linux)", logger: Logger(label: "cais.api"))
        self.server.set(server)
        for socket in sockets.unix {
            try await server.listen(unix: Linux.FileDescriptor(owning: socket.descriptor))
            logger.info("listening", metadata: ["address": "unix://\(socket.path)"])
        }
        for address in sockets.tcp {
            try await server.listen(host: address.host, port: address.port)
            logger.warning("listening without TLS: whoever reaches this address is root", metadata: ["address": "tcp://\(address.host):\(address.port)"])
        }
    }

    // MARK: - Configurations of the parts

    private func containersConfiguration() -> ContainersConfiguration {
        var parts = ContainersConfiguration(
            dataRoot: configuration.dataRoot, execRoot: configuration.execRoot, shim: programs.shim, runtimes: programs.runtimes,
            defaultRuntime: configuration.defaultRuntime)
        parts.cgroupParent = configuration.cgroupParent
        parts.logDriver = configuration.logDriver
        parts.logOptions = configuration.logOptions
        parts.shmBytes = configuration.shmBytes
        parts.dns = configuration.dns
        parts.dnsOptions = configuration.dnsOptions
        parts.dnsSearch = configuration.dnsSearch
        return parts
    }

    private func networkConfiguration() -> NetworkConfiguration {
        var parts = NetworkConfiguration(execRoot: configuration.execRoot)
        parts.bridge = configuration.bridge
        parts.bridgeAddress = configuration.bridgeAddress
        parts.containerRange = configuration.containerRange
        if !configuration.addressPools.isEmpty { parts.addressPools = configuration.addressPools }
        parts.mtu = configuration.mtu
        parts.publishAddress = configuration.publishAddress
        parts.forwards = configuration.forwards
        parts.masquerades = configuration.masquerades
        parts.interContainer = configuration.interContainer
        return parts
    }

    private func facts(_ store: EngineStore) throws(Fault) -> SystemFacts {
        SystemFacts(
            engineID: try engineID(store), version: engineVersion, dataRoot: configuration.dataRoot, runtimes: programs.runtimes,
            defaultRuntime: configuration.defaultRuntime, logDriver: configuration.logDriver, labels: configuration.labels,
            isDebugging: { DaemonLog.current <= .debug })
    }

    /// The ID of the data root, made with the first start.
    private func engineID(_ store: EngineStore) throws(Fault) -> String {
        if let document = try store.get(.meta, "engine") { return try JSON.decode(EngineIdentity.self, from: document).id }
        let identity = EngineIdentity(version: 1, id: ContainerID.random().text)
        try store.put(.meta, "engine", try JSON.encode(identity))
        return identity.id
    }
}

/// The record of the engine's ID.
private struct EngineIdentity: Codable {
    let version: Int
    let id: String
}
