// /networks: decode, call, encode.
import EngineAPI
import Faults
import Networks

extension Routes {
    static func networks(_ services: Services) -> [Route] {
        let networks = services.networks
        return [
            Route("GET /networks") { request throws(Fault) in try .json(try networks.list(filters: try request.filters())) },
            Route("GET /networks/{id}") { request throws(Fault) in try .json(try networks.inspect(request.parameter("id"))) },
            Route("DELETE /networks/{id}") { request throws(Fault) in
                try networks.remove(request.parameter("id"))
                return .empty()
            },
            Route("POST /networks/create") { _ throws(Fault) in
                throw Fault(.unsupported, "user-defined networks are not served yet")
            },
        ]
    }

    /// There are no volumes yet: the listing says so truly, and clients that ask before they remove
    /// a container get an answer.
    static func volumes() -> [Route] {
        [Route("GET /volumes") { _ throws(Fault) in try .json(VolumeList(volumes: [], warnings: nil)) }]
    }
}

/// The answer to /volumes.
private struct VolumeList: Encodable {
    let volumes: [String]
    let warnings: [String]?

    enum CodingKeys: String, CodingKey {
        case volumes = "Volumes"
        case warnings = "Warnings"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(volumes, forKey: .volumes)
        try container.encode(warnings, forKey: .warnings)
    }
}
