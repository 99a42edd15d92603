import EngineAPI
import Faults

extension NetworkService {
    /// What `type` filters: networks that every engine has, and those that users made.
    private static let filtersKnown: Set<String> = ["driver", "id", "label", "name", "scope", "type", "dangling"]

    /// The networks that match, by name, without their containers.
    package func list(filters: Filters) throws(Fault) -> [NetworkResource] {
        try filters.requireOnly(NetworkService.filtersKnown)
        let dangling = try filters.bool("dangling")
        for type in filters.get("type") where type != "builtin" && type != "custom" {
            throw Fault(.invalidArgument, "invalid filter: 'type'='\(type)'")
        }
        let matches = resources(withContainers: false).filter { network in
            filters.matchesExactly("driver", network.driver) && filters.matchesPrefix("id", network.id)
                && filters.matchesText("name", network.name) && filters.matchesExactly("scope", network.scope)
                && filters.matchesLabels("label", network.labels) && filters.matchesExactly("type", "builtin")
        }
        // A predefined network is never dangling: nobody could remove it.
        return dangling == true ? [] : matches
    }

    /// One network by name, ID or the unambiguous beginning of an ID, with its containers.
    package func inspect(_ reference: String) throws(Fault) -> NetworkResource {
        let all = resources(withContainers: true)
        if let exact = all.first(where: { $0.id == reference }) ?? all.first(where: { $0.name == reference }) { return exact }
        let matches = reference.isEmpty ? [] : all.filter { $0.id.hasPrefix(reference) }
        guard let match = matches.first else { throw Fault(.notFound, "network \(reference) not found") }
        guard matches.count == 1 else {
            throw Fault(.invalidArgument, "network \(reference) is ambiguous (\(matches.count) matches found based on ID prefix)")
        }
        return match
    }

    /// Removes a network.
    /// - Throws: `forbidden` for the predefined ones, `notFound` for others.
    package func remove(_ reference: String) throws(Fault) {
        let network = try inspect(reference)
        throw Fault(.forbidden, "\(network.name) is a pre-defined network and cannot be removed")
    }

    private func resources(withContainers: Bool) -> [NetworkResource] {
        let (networks, endpoints, device) = state.withLock { ($0.networks, $0.endpoints, $0.device) }
        return networks.values.sorted { $0.name < $1.name }.compactMap { record in
            // Without a bridge there is no network of that name.
            if record.driver == "bridge" && configuration.bridge == "none" { return nil }
            var resource = resource(record, device)
            guard withContainers else { return resource }
            for endpoint in endpoints.values where endpoint.network == record.name {
                resource.containers[endpoint.container.text] = NetworkService.listing(endpoint)
            }
            return resource
        }
    }

    private func resource(_ record: NetworkRecord, _ device: BridgeDevice?) -> NetworkResource {
        var resource = NetworkResource()
        resource.name = record.name
        resource.id = record.id.text
        resource.created = record.created
        resource.scope = "local"
        resource.driver = record.driver
        resource.enableIPv4 = true
        resource.ipam.driver = "default"
        guard record.driver == "bridge", let device else { return resource }
        var pool = IPAMConfig()
        pool.subnet = device.address.network.description
        pool.ipRange = configuration.containerRange?.description ?? ""
        pool.gateway = device.address.address.description
        resource.ipam.config = [pool]
        resource.options = [
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": "\(configuration.interContainer)",
            "com.docker.network.bridge.enable_ip_masquerade": "\(configuration.masquerades)",
            "com.docker.network.bridge.host_binding_ipv4": configuration.publishAddress.description,
            "com.docker.network.bridge.name": device.name,
            "com.docker.network.driver.mtu": String(device.mtu),
        ]
        return resource
    }

    private static func listing(_ endpoint: EndpointRecord) -> EndpointResource {
        var resource = EndpointResource()
        resource.name = endpoint.name
        resource.endpointID = endpoint.endpointID.text
        resource.macAddress = endpoint.station?.mac.description ?? ""
        resource.ipv4Address = endpoint.station?.address.description ?? ""
        return resource
    }
}
