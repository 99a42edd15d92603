import EngineAPI
import Flags
import OCISpec

/// What listings show of containers, images and networks: pure functions from the engine's answers.
package enum Rows {
    // MARK: Containers

    /// The columns of `ps`.
    package static func containers(size: Bool) -> Listing {
        Listing(
            headers: [
                ("ID", "CONTAINER ID"), ("Names", "NAMES"), ("Image", "IMAGE"), ("Command", "COMMAND"), ("CreatedAt", "CREATED AT"),
                ("RunningFor", "CREATED"), ("Ports", "PORTS"), ("State", "STATE"), ("Status", "STATUS"), ("Size", "SIZE"),
                ("Labels", "LABELS"), ("Mounts", "MOUNTS"), ("LocalVolumes", "LOCAL VOLUMES"), ("Networks", "NETWORKS"), ("Platform", "PLATFORM"),
            ],
            table: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"] + (size ? ["Size"] : []))
    }

    /// One container. `now` is in seconds since 1970.
    package static func container(_ container: ContainerSummary, truncates: Bool, now: Int64) -> Listing.Row {
        let names = container.names.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
        let shown = truncates ? names.filter { !$0.contains("/") } : names
        let labels = container.labels.sorted { $0.key < $1.key }
        var row: [JSONMember] = []
        func add(_ name: String, _ text: String) { row.append(JSONMember(name: name, value: .string(text))) }
        add("ID", truncates ? short(container.id) : container.id)
        add("Names", shown.joined(separator: ","))
        add("Image", image(container, truncates: truncates))
        add("Command", quoted(truncates ? container.command.ellipsized(20) : container.command))
        add("CreatedAt", LocalTime.listing(seconds: container.created))
        add("RunningFor", HumanTime.describe(seconds: now - container.created) + " ago")
        add("Ports", ports(container.ports))
        add("State", container.state)
        add("Status", container.status)
        add("Size", size(container))
        add("Labels", labels.map { "\($0.key)=\($0.value)" }.joined(separator: ","))
        add("Mounts", container.mounts.map { mount($0, truncates: truncates) }.joined(separator: ","))
        add("LocalVolumes", String(container.mounts.filter { $0.driver == "local" }.count))
        add("Networks", container.networkSettings.networks.keys.sorted().joined(separator: ","))
        row.append(JSONMember(name: "Platform", value: .null))
        return Listing.Row(.object(row), labels: container.labels)
    }

    private static func image(_ container: ContainerSummary, truncates: Bool) -> String {
        if container.image.isEmpty { return "<no image>" }
        guard truncates else { return container.image }
        // An image without a name is shown by its ID, and IDs are shown short.
        return short(container.image) == short(container.imageID) ? short(container.imageID) : container.image
    }

    private static func mount(_ mount: MountPoint, truncates: Bool) -> String {
        let name = mount.name.isEmpty ? mount.source : mount.name
        return truncates ? name.ellipsized(15) : name
    }

    private static func size(_ container: ContainerSummary) -> String {
        let own = HumanSize.describe(container.sizeRw ?? 0)
        guard let root = container.sizeRootFs, root > 0 else { return own }
        return "\(own) (virtual \(HumanSize.describe(root)))"
    }

    /// Ports as `ps` shows them: neighbours that map to themselves as one range.
    package static func ports(_ ports: [PortSummary]) -> String {
        let sorted = ports.sorted { left, right in
            (left.privatePort, left.ip ?? "", left.publicPort ?? 0, left.type) < (right.privatePort, right.ip ?? "", right.publicPort ?? 0, right.type)
        }
        struct Group {
            let key: String
            let ip: String
            let type: String
            var first: UInt16
            var last: UInt16
            var text: String {
                let range = first == last ? String(first) : "\(first)-\(last)"
                return (ip.isEmpty ? range : "\(Rows.joined(ip, range))->\(range)") + "/\(type)"
            }
        }
        var groups: [Group] = []
        var done: [String] = []
        var mapped: [String] = []
        for port in sorted {
            let ip = port.ip ?? ""
            if !ip.isEmpty, port.publicPort != port.privatePort {
                mapped.append("\(joined(ip, String(port.publicPort ?? 0)))->\(port.privatePort)/\(port.type)")
                continue
            }
            let key = "\(ip)/\(port.type)"
            guard let index = groups.firstIndex(where: { $0.key == key }) else {
                groups.append(Group(key: key, ip: ip, type: port.type, first: port.privatePort, last: port.privatePort))
                continue
            }
            if port.privatePort == groups[index].last &+ 1 { groups[index].last = port.privatePort } else {
                done.append(groups[index].text)
                groups[index].first = port.privatePort
                groups[index].last = port.privatePort
            }
        }
        return (done + groups.map(\.text) + mapped).joined(separator: ", ")
    }

    fileprivate static func joined(_ ip: String, _ port: String) -> String { ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)" }

    // MARK: Images

    /// The columns of `images`.
    package static func images(digests: Bool) -> Listing {
        Listing(
            headers: [
                ("Repository", "REPOSITORY"), ("Tag", "TAG"), ("Digest", "DIGEST"), ("ID", "IMAGE ID"), ("CreatedSince", "CREATED"),
                ("CreatedAt", "CREATED AT"), ("Size", "SIZE"), ("Containers", "CONTAINERS"), ("SharedSize", "SHARED SIZE"),
                ("UniqueSize", "UNIQUE SIZE"), ("VirtualSize", "SIZE"),
            ],
            table: ["Repository", "Tag"] + (digests ? ["Digest"] : []) + ["ID", "CreatedSince", "Size"])
    }

    /// One row for every name of an image, or one for an image without names.
    package static func image(_ image: ImageSummary, truncates: Bool, digests: Bool, now: Int64) -> [Listing.Row] {
        var names: [(repository: String, tag: String, digest: String)] = []
        var repositoryDigests: [String: [String]] = [:]
        for text in image.repoDigests {
            let (name, digest) = text.cut("@")
            if name != "<none>" { repositoryDigests[name, default: []].append(digest ?? "") }
        }
        for text in image.repoTags where text != "<none>:<none>" {
            guard let colon = text.lastIndex(of: ":") else { continue }
            let repository = String(text[..<colon])
            let tag = String(text[text.index(after: colon)...])
            let own = digests ? repositoryDigests[repository] ?? [] : []
            repositoryDigests[repository] = nil
            names += own.isEmpty ? [(repository, tag, "<none>")] : own.map { (repository, tag, $0) }
        }
        for (repository, digests) in repositoryDigests.sorted(by: { $0.key < $1.key }) where image.repoTags.isEmpty || names.isEmpty {
            names += digests.map { (repository, "<none>", $0) }
        }
        if names.isEmpty { names = [("<none>", "<none>", "<none>")] }
        return names.map { name in
            Listing.Row([
                ("Repository", name.repository), ("Tag", name.tag), ("Digest", name.digest), ("ID", truncates ? short(image.id) : image.id),
                ("CreatedSince", HumanTime.describe(seconds: now - image.created) + " ago"), ("CreatedAt", LocalTime.listing(seconds: image.created)),
                ("Size", HumanSize.describe(image.size)), ("Containers", image.containers < 0 ? "N/A" : String(image.containers)),
                ("SharedSize", image.sharedSize < 0 ? "N/A" : HumanSize.describe(image.sharedSize)), ("UniqueSize", "N/A"), ("VirtualSize", ByteSize.describe(image.size)),
            ])
        }
    }

    // MARK: Networks

    /// The columns of `network ls`.
    package static func networks() -> Listing {
        Listing(
            headers: [
                ("ID", "NETWORK ID"), ("Name", "NAME"), ("Driver", "DRIVER"), ("Scope", "SCOPE"), ("IPv4", "IPV4"), ("IPv6", "IPV6"),
                ("Internal", "INTERNAL"), ("Labels", "LABELS"), ("CreatedAt", "CREATED AT"),
            ], table: ["ID", "Name", "Driver", "Scope"])
    }

    /// One network.
    package static func network(_ network: NetworkResource, truncates: Bool) -> Listing.Row {
        Listing.Row([
            ("ID", truncates ? short(network.id) : network.id), ("Name", network.name), ("Driver", network.driver), ("Scope", network.scope),
            ("IPv4", network.enableIPv4 ? "true" : "false"), ("IPv6", network.enableIPv6 ? "true" : "false"), ("Internal", network.isInternal ? "true" : "false"),
            ("Labels", network.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")), ("CreatedAt", LocalTime.utc(network.created)),
        ])
    }

    /// The first twelve digits of an ID, without its algorithm.
    package static func short(_ id: String) -> String {
        let digits = id.cut(":").after ?? id
        return String(digits.prefix(12))
    }
}
