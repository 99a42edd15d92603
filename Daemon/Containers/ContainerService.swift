// ContainerService owns the engine's containers: it takes the commands of clients, keeps the
// records, and is the only one that talks to shims. Each command is in a file of its own beside.
import EngineAPI
import EngineEvents
import EngineStore
import Faults
import Lifecycle
import Logging
import Synchronization

/// The engine's containers.
package final class ContainerService: Sendable {
    let configuration: ContainersConfiguration
    let store: EngineStore
    let events: EventBus
    let images: any ContainerImages
    let networks: any ContainerNetworks
    let registry = Registry()
    let facts: HostFacts
    let logger = Logger(label: "cais.containers")

    /// Puts the service together; ``recover()`` fills it.
    package init(
        configuration: ContainersConfiguration, store: EngineStore, events: EventBus, images: any ContainerImages,
        networks: any ContainerNetworks
    ) {
        self.configuration = configuration
        self.store = store
        self.events = events
        self.images = images
        self.networks = networks
        facts = HostFacts.read()
    }

    // MARK: - Records

    /// Changes a container's record: on disk first, then for everybody to see. Only commands of its
    /// mailbox call it.
    func change(_ container: Container, _ body: (inout ContainerRecord) -> Void) async throws(Fault) {
        var record = container.record
        body(&record)
        try await save(record)
        container.publish(record)
    }

    /// As ``change(_:_:)`` where something has happened already: a record that cannot be written
    /// is told of in the log, and recovery finds the truth again.
    func note(_ container: Container, _ body: (inout ContainerRecord) -> Void) async {
        var record = container.record
        body(&record)
        do throws(Fault) { try await save(record) } catch {
            logger.error("the record of a container could not be written", metadata: ["container": "\(record.id.short)", "error": "\(error)"])
        }
        container.publish(record)
    }

    private func save(_ record: ContainerRecord) async throws(Fault) {
        try await BlockingPool.shared.run { [store] () throws(Fault) in
            try store.put(.containers, record.id.text, try record.encoded())
        }
    }

    /// Runs a call that blocks.
    func blocking<R: Sendable>(_ body: @escaping @Sendable () throws(Fault) -> R) async throws(Fault) -> R {
        try await BlockingPool.shared.run(body)
    }

    /// Tells the log of something that went wrong while the rest goes on.
    func report(_ what: Logger.Message, _ id: ContainerID, _ fault: Fault) {
        logger.warning(what, metadata: ["container": "\(id.short)", "error": "\(fault)"])
    }

    // MARK: - Events

    /// Publishes an event of a container, with docker's attributes.
    func publish(_ action: String, _ record: ContainerRecord, _ more: [String: String] = [:]) {
        var attributes = record.config.labels ?? [:]
        attributes["image"] = record.config.image
        attributes["name"] = record.name
        attributes.merge(more) { $1 }
        events.publish(EventMessage(.container, action, id: record.id.text, attributes: attributes))
    }

    // MARK: - For others

    /// Containers by state.
    package func counts() -> ContainerCounts {
        var counts = ContainerCounts()
        for container in registry.all {
            counts.total += 1
            if container.record.isRunning { counts.running += 1 } else { counts.stopped += 1 }
        }
        return counts
    }
}

extension ContainerService: ImageUsers {
    /// The containers of each image.
    package func imagesInUse() async -> [String: [ContainerID]] {
        var users: [String: [ContainerID]] = [:]
        for container in registry.everything { users[container.record.imageID, default: []].append(container.id) }
        return users
    }
}
