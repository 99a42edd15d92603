// List and inspect: they read published snapshots and wait for nobody.
import EngineAPI
import Faults
import Lifecycle
import OCISpec

extension ContainerService {
    /// Containers, the newest first; only those that run unless `all`, `limit` or a filter of states says otherwise.
    package func list(all: Bool, limit: Int?, size: Bool, filters: Filters) async throws(Fault) -> [ContainerSummary] {
        let filter = try ContainerFilter(filters, registry)
        var records = registry.all.map(\.record).filter { !$0.isHidden }
        records.sort { ($0.created, $0.id) > ($1.created, $1.id) }
        if let limit, limit > 0 {
            records = Array(records.filter(filter.admits).prefix(limit))
        } else {
            records = records.filter { (all || filter.namesStates || $0.isRunning) && filter.admits($0) }
        }
        let now = Lifecycle.Timestamp.now()
        var summaries: [ContainerSummary] = []
        for record in records {
            var summary = summary(record, now)
            if size, let sizes = try? await images.sizes(record.id, image: record.imageID) {  // being removed: then it has none
                summary.sizeRw = sizes.writable
                summary.sizeRootFs = sizes.total
            }
            summaries.append(summary)
        }
        return summaries
    }

    private func summary(_ record: ContainerRecord, _ now: Lifecycle.Timestamp) -> ContainerSummary {
        var summary = ContainerSummary()
        summary.id = record.id.text
        summary.names = ["/" + record.name]
        summary.image = record.config.image
        summary.imageID = record.imageID
        summary.command = record.commandLine.map { $0.contains(" ") ? "'\($0)'" : $0 }.joined(separator: " ")
        summary.created = record.created.seconds
        summary.ports = ports(record)
        summary.labels = record.config.labels ?? [:]
        summary.state = record.phase.word
        summary.status = StatusText.make(record.phase, health: record.health?.status, now: now)
        summary.hostConfig.networkMode = record.hostConfig.networkMode
        summary.hostConfig.annotations = record.hostConfig.annotations
        summary.networkSettings.networks = record.network?.networks ?? [:]
        summary.mounts = record.mounts
        return summary
    }

    private func ports(_ record: ContainerRecord) -> [PortSummary] {
        guard record.isRunning else { return [] }
        var ports: [PortSummary] = []
        for (name, bindings) in (record.network?.ports ?? [:]).sorted(by: { $0.key < $1.key }) {
            let parts = name.split(separator: "/")
            var port = PortSummary()
            port.privatePort = parts.first.flatMap { UInt16($0) } ?? 0
            port.type = parts.count > 1 ? String(parts[1]) : "tcp"
            guard let bindings, !bindings.isEmpty else {
                ports.append(port)
                continue
            }
            for binding in bindings {
                port.ip = binding.hostIP
                port.publicPort = UInt16(binding.hostPort)
                ports.append(port)
            }
        }
        return ports
    }

    /// Everything about one container.
    package func inspect(_ reference: String, size: Bool) async throws(Fault) -> ContainerInspect {
        let container = try registry.find(reference)
        let record = container.record
        var answer = ContainerInspect()
        answer.id = record.id.text
        answer.created = record.created.description
        answer.path = record.commandLine.first ?? ""
        answer.args = Array(record.commandLine.dropFirst())
        answer.state = state(record)
        answer.image = record.imageID
        let directory = configuration.dataDirectory(record.id.text)
        if record.hasRun {
            answer.resolvConfPath = "\(directory)/resolv.conf"
            answer.hostnamePath = "\(directory)/hostname"
            answer.hostsPath = "\(directory)/hosts"
        }
        if case .jsonFile = try LogPlan(record.hostConfig.logConfig) { answer.logPath = configuration.logPath(record.id.text) }
        answer.name = "/" + record.name
        answer.restartCount = record.restartCount
        answer.driver = "overlay2"
        answer.platform = "linux"
        let execs = container.execIDs
        answer.execIDs = execs.isEmpty ? nil : execs
        answer.hostConfig = record.hostConfig
        answer.graphDriver.name = "overlay2"
        answer.graphDriver.data = ["UpperDir": "\(directory)/upper", "WorkDir": "\(directory)/work", "MergedDir": configuration.rootfs(record.id.text)]
        answer.mounts = record.mounts
        answer.config = record.config
        answer.networkSettings = networkSettings(record)
        if size {
            let sizes = try await images.sizes(record.id, image: record.imageID)
            answer.sizeRw = sizes.writable
            answer.sizeRootFs = sizes.total
        }
        return answer
    }

    /// Of a container that does not run, only which networks it is on.
    private func networkSettings(_ record: ContainerRecord) -> NetworkSettings {
        if record.isRunning, let network = record.network { return network }
        var settings = NetworkSettings()
        var endpoints = record.networking.endpointsConfig ?? [:]
        // Clients say "default" where they leave the choice to the engine.
        if let chosen = endpoints.removeValue(forKey: "default") { endpoints[record.hostConfig.networkMode] = chosen }
        if endpoints.isEmpty { endpoints[record.hostConfig.networkMode] = EndpointSettings() }
        settings.networks = endpoints
        return settings
    }

    private func state(_ record: ContainerRecord) -> ContainerState {
        var state = ContainerState()
        state.status = record.phase.word
        state.running = record.isRunning
        state.exitCode = record.exitCode
        state.startedAt = Timestamp.neverText
        state.finishedAt = Timestamp.neverText
        if let ended = record.ended {
            state.oomKilled = ended.oomKilled
            state.error = ended.error ?? ""
            state.startedAt = ended.startedAt?.description ?? Timestamp.neverText
            state.finishedAt = ended.finishedAt.description
        }
        switch record.phase {
        case .running(let pid, let startedAt):
            state.pid = pid
            state.startedAt = startedAt.description
        case .restarting: state.restarting = true
        case .created(let failure): state.error = failure?.error ?? ""
        case .creating, .starting, .exited, .removing: break
        }
        state.health = record.health.map { Health($0) }
        return state
    }

    private typealias Timestamp = EngineAPI.Timestamp
}

extension ContainerRecord {
    /// Whether it was started at least once.
    var hasRun: Bool {
        switch phase {
        case .running, .restarting, .exited: true
        case .starting(let before), .removing(let before): if case .exited = before { true } else { false }
        case .creating, .created: false
        }
    }
}

extension ContainerPhase {
    /// Docker's word for it. A container that is being started is still what it was.
    var word: String {
        switch self {
        case .creating, .created: "created"
        case .running: "running"
        case .restarting: "restarting"
        case .exited: "exited"
        case .removing: "removing"
        case .starting(let before): before.phase.word
        }
    }
}

/// Which containers a listing's filters admit.
struct ContainerFilter: Sendable {
    private let filters: Filters
    private let exitCodes: Set<Int>?
    private let before: ContainerRecord?
    private let since: ContainerRecord?

    /// Reads filters by docker's names.
    /// - Throws: `invalidArgument` for one that no listing knows, `notFound` for a container they name.
    init(_ filters: Filters, _ registry: Registry) throws(Fault) {
        try filters.requireOnly([
            "ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "name", "network", "publish", "since",
            "status", "volume", "isolation",
        ])
        self.filters = filters
        if filters.contains("exited") {
            var codes: Set<Int> = []
            for text in filters.get("exited") {
                guard let code = Int(text) else { throw Fault(.invalidArgument, "invalid filter 'exited=\(text)'") }
                codes.insert(code)
            }
            exitCodes = codes
        } else {
            exitCodes = nil
        }
        let states: Set<String> = ["created", "running", "paused", "restarting", "removing", "exited", "dead"]
        let verdicts: Set<String> = ["none", "starting", "healthy", "unhealthy"]
        if let wrong = filters.get("health").first(where: { !verdicts.contains($0) }) {
            throw Fault(.invalidArgument, "invalid filter 'health=\(wrong)'")
        }
        if let wrong = filters.get("status").first(where: { !states.contains($0) }) {
            throw Fault(.invalidArgument, "invalid filter 'status=\(wrong)'")
        }
        before = try filters.get("before").first.map { (name) throws(Fault) in try registry.find(name).record }
        since = try filters.get("since").first.map { (name) throws(Fault) in try registry.find(name).record }
    }

    /// Whether the filters say which states are wanted, so that stopped ones are shown without `all`.
    var namesStates: Bool { filters.contains("status") || filters.contains("exited") }

    /// Whether a container is shown.
    func admits(_ record: ContainerRecord) -> Bool {
        if let before, record.created >= before.created || record.id == before.id { return false }
        if let since, record.created <= since.created || record.id == since.id { return false }
        if let exitCodes {
            guard case .exited(let ended) = record.phase, exitCodes.contains(ended.exitCode) else { return false }
        }
        // Names are matched with and without their slash, as clients write both.
        guard filters.matchesText("name", record.name) || filters.matchesText("name", "/" + record.name) else { return false }
        return filters.matchesPrefix("id", record.id.text) && admitsRest(record)
    }

    private func admitsRest(_ record: ContainerRecord) -> Bool {
        filters.matchesExactly("status", record.phase.word)
            && filters.matchesLabels("label", record.config.labels)
            && (!filters.contains("ancestor") || filters.get("ancestor").contains { isAncestor($0, of: record) })
            && (!filters.contains("network") || filters.get("network").contains { isOn($0, record) })
            && (!filters.contains("volume") || filters.get("volume").contains { wanted in record.mounts.contains { $0.destination == wanted || $0.source == wanted } })
            && (!filters.contains("publish") || filters.get("publish").contains { has($0, published: true, record) })
            && (!filters.contains("expose") || filters.get("expose").contains { has($0, published: false, record) })
            && filters.matchesExactly("health", record.isRunning ? record.health?.status.rawValue ?? "none" : "none")
            && (!filters.contains("is-task") || filters.get("is-task").contains("false"))
    }

    private func isAncestor(_ text: String, of record: ContainerRecord) -> Bool {
        if record.config.image == text || record.imageID == text || record.imageID.hasPrefix("sha256:" + text) && text.count >= 4 { return true }
        guard let wanted = try? ImageReference(parsing: text), let own = try? ImageReference(parsing: record.config.image) else { return false }  // not a reference: compared as an ID above
        return wanted == own
    }

    private func isOn(_ network: String, _ record: ContainerRecord) -> Bool {
        record.hostConfig.networkMode == network
            || (record.network?.networks ?? [:]).contains { $0.key == network || $0.value.networkID.hasPrefix(network) }
    }

    private func has(_ port: String, published: Bool, _ record: ContainerRecord) -> Bool {
        let wanted = port.contains("/") ? port : port + "/tcp"
        if published { return record.hostConfig.portBindings?.keys.contains(wanted) ?? false }
        return record.config.exposedPorts?.keys.contains(wanted) ?? false
    }
}
