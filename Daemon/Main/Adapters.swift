// Adapters own the translations between services that do not know each other.
import Containers
import EngineAPI
import Faults
import Images
import Networks

/// Images, in the words of Containers.
struct ImagesForContainers: ContainerImages {
    let images: ImageService

    func image(_ reference: String) async throws(Fault) -> ContainerImage {
        let found = try await images.image(reference)
        return ContainerImage(id: found.id, reference: found.reference, config: found.config)
    }

    func prepareRootfs(_ id: ContainerID, image: String) async throws(Fault) { try await images.prepareRootfs(id, image: image) }

    func mountRootfs(_ id: ContainerID, image: String, at path: String) async throws(Fault) {
        try await images.mountRootfs(id, image: image, at: path)
    }

    func unmountRootfs(at path: String) async throws(Fault) { try await images.unmountRootfs(at: path) }

    func removeRootfs(_ id: ContainerID) async throws(Fault) { try await images.removeRootfs(id) }

    func sizes(_ id: ContainerID, image: String) async throws(Fault) -> (writable: Int64, total: Int64) {
        try await images.sizes(id, image: image)
    }
}

/// Networks, in the words of Containers.
struct NetworksForContainers: ContainerNetworks {
    let networks: NetworkService

    func validate(_ request: NetworkRequest) throws(Fault) { try wish(request).validate() }

    private func wish(_ request: NetworkRequest) -> EndpointRequest {
        var wish = EndpointRequest(id: request.id, name: request.name, hostname: request.hostname, mode: request.mode)
        wish.aliases = request.aliases
        wish.macAddress = request.macAddress
        wish.ipv4 = request.ipv4
        wish.portBindings = request.portBindings
        wish.exposedPorts = request.exposedPorts
        wish.publishAllPorts = request.publishAllPorts
        return wish
    }

    func connect(_ request: NetworkRequest) async throws(Fault) -> NetworkAttachment {
        let attachment = try await networks.connect(wish(request))
        return NetworkAttachment(
            namespacePath: attachment.namespacePath, settings: attachment.settings, ipv4: attachment.ipv4, gateway: attachment.gateway)
    }

    func disconnect(_ id: ContainerID) async throws(Fault) { try await networks.disconnect(id) }

    func reconcile(running: Set<ContainerID>) async { await networks.reconcile(running: running) }
}

/// Who uses images, in the words of Images.
struct UsersOfImages: Images.ImageUsers {
    let containers: ContainerService

    func imagesInUse() async -> [String: [ImageUse]] {
        // Without filters a listing does not fail; if it did, no image would be known to be in use,
        // so every container counts as a user of what it names.
        var users: [String: [ImageUse]] = [:]
        let all = (try? await containers.list(all: true, limit: nil, size: false, filters: Filters())) ?? []
        for container in all {
            let runs = ["running", "paused", "restarting"].contains(container.state)
            users[container.imageID, default: []].append(ImageUse(container: container.id, isRunning: runs))
        }
        return users
    }
}
