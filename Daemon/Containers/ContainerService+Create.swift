// Create: a name is reserved, a request is judged, a writable layer and a record are made.
import EngineAPI
import EngineEvents
import Faults
import Lifecycle
import Linux
import OCISpec

extension ContainerService {
    /// Makes a container that does not run yet.
    /// - Throws: `conflict` for a name that is taken, `notFound` for an image, `invalidArgument` and
    ///   `unsupported` for what cannot be.
    package func create(name: String?, platform: String?, request: ContainerCreateRequest) async throws(Fault) -> ContainerCreateResponse {
        let id = ContainerID.random()
        // The name is taken before anything is awaited: two creates cannot both find it free.
        let reserved: String
        if let name, !name.isEmpty {
            reserved = try ResourceName.container(name)
            try registry.reserve(reserved, for: id)
        } else {
            reserved = registry.reserveFree(for: id, candidate: RandomNames.make)
        }
        do throws(Fault) {
            return try await create(id, name: reserved, platform: platform, request)
        } catch {
            registry.release(reserved, of: id)
            throw error
        }
    }

    private func create(
        _ id: ContainerID, name: String, platform: String?, _ request: ContainerCreateRequest
    ) async throws(Fault) -> ContainerCreateResponse {
        guard !request.config.image.isEmpty else { throw Fault(.invalidArgument, "no image specified") }
        let image = try await images.image(request.config.image)
        try check(platform, image)
        var host = request.hostConfig
        HostRules.fill(&host, configuration, facts)
        var config = try ConfigMerge.merge(request.config, image: image.config.config)
        if config.hostname.isEmpty { config.hostname = host.networkMode == "host" ? facts.hostname : id.short }
        config.image = request.config.image
        let plan = try MountPlan(host, own: request.config, image: image.config.config)
        let warnings = try HostRules.check(host, config, configuration, facts) + plan.warnings
        try await blocking { [host] () throws(Fault) in
            _ = try DevicePlan(host)
            try plan.prepareSources()
        }

        var record = ContainerRecord(
            id: id, name: name, created: .now(), imageID: image.id, config: config, hostConfig: host,
            networking: request.networkingConfig, phase: .creating)
        record.mounts = plan.entries.compactMap(\.point)
        try networks.validate(networkRequest(record))
        let container = Container(record)
        var undo = Undo()
        do throws(Fault) {
            try await createSteps(container, image, &undo)
        } catch {
            for fault in await undo.run() { report("a step of create could not be undone", id, fault) }
            throw error
        }
        publish("create", container.record)
        return ContainerCreateResponse(id: id.text, warnings: warnings)
    }

    /// The numbered steps of create; each notes its undo before it begins.
    private func createSteps(_ container: Container, _ image: ContainerImage, _ undo: inout Undo) async throws(Fault) {
        let id = container.id
        undo.add("delete the record") { [self] () async throws(Fault) in
            registry.remove(container, name: container.record.name)
            try await blocking { [store] () throws(Fault) in try store.delete(.containers, id.text) }
        }
        registry.insert(container)
        try await change(container) { $0.phase = .creating }
        CrashPoint.createRecord.pass()

        undo.add("remove the container's files") { [self] () async throws(Fault) in try await removeFiles(id) }
        try await blocking { [configuration] () throws(Fault) in
            let directory = configuration.dataDirectory(id.text)
            try system("make \(directory)") { () throws(Errno) in
                try Files.makeDirectories(directory, mode: 0o700)
            }
        }
        undo.add("remove the writable layer") { [self] () async throws(Fault) in try await images.removeRootfs(id) }
        try await images.prepareRootfs(id, image: image.id)
        CrashPoint.createRootfs.pass()

        try await change(container) { $0.phase = .created(nil) }
        await keepCopy(container.record)
        CrashPoint.createDone.pass()
    }

    private func check(_ platform: String?, _ image: ContainerImage) throws(Fault) {
        guard let platform, !platform.isEmpty else { return }
        let parts = platform.lowercased().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.first == image.config.os || parts.count == 1 && parts.first == image.config.architecture,
            parts.count < 2 || parts[1] == image.config.architecture
        else {
            throw Fault(
                .notFound,
                "image with reference \(image.reference) was found but its platform (\(image.config.os)/\(image.config.architecture)) does not match the specified platform (\(platform))"
            )
        }
    }

    /// Removes a container's directory with its log and files.
    func removeFiles(_ id: ContainerID) async throws(Fault) {
        try await blocking { [configuration] () throws(Fault) in
            let directory = configuration.dataDirectory(id.text)
            try system("remove \(directory)") { () throws(Errno) in try Files.removeTree(directory) }
        }
    }

    /// Keeps a copy of the record beside the container's files: should the records' file be lost,
    /// recovery finds the container there.
    func keepCopy(_ record: ContainerRecord) async {
        do throws(Fault) {
            try await blocking { [configuration] () throws(Fault) in
                let path = "\(configuration.dataDirectory(record.id.text))/record.json"
                let bytes = try record.encoded()
                try system("write \(path)") { () throws(Errno) in try Files.replace(path, with: bytes, durable: false) }
            }
        } catch {
            report("the copy of a container's record could not be written", record.id, error)
        }
    }
}
