// Services owns nothing: it is the list of what the handlers call, filled by the composition root.
import Containers
import EngineEvents
import Images
import Networks

/// The engine's services as the handlers see them.
package struct Services: Sendable {
    let containers: ContainerService
    let images: ImageService
    let networks: NetworkService
    let events: EventBus
    let system: SystemFacts

    /// These services.
    package init(containers: ContainerService, images: ImageService, networks: NetworkService, events: EventBus, system: SystemFacts) {
        self.containers = containers
        self.images = images
        self.networks = networks
        self.events = events
        self.system = system
    }
}
