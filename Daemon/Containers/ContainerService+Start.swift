// Start: numbered steps, each with its undo; a failure undoes them in reverse and leaves nothing.
import CLinux
import EngineAPI
import Faults
import Lifecycle
import Linux
import OCISpec
import ShimProtocol

extension ContainerService {
    /// Starts a container.
    /// - Throws: `notModified` when it runs, `commandNotFound` and `commandNotExecutable` for its
    ///   command, and whatever a step throws; nothing of the start is left then.
    package func start(_ reference: String) async throws(Fault) {
        let container = try registry.find(reference)
        try await container.mailbox.perform { [self] () async throws(Fault) in try await startNow(container) }
    }

    /// Starts a container, as a command of its mailbox.
    func startNow(_ container: Container) async throws(Fault) {
        let before: ContainerPhase.Rest
        switch container.record.phase {
        case .created(let failure): before = .created(failure)
        case .exited(let ended): before = .exited(ended)
        case .running, .restarting: throw Fault(.notModified, "container \(container.id) is already started")
        case .removing: throw Fault(.conflict, "container is marked for removal and cannot be started")
        case .creating, .starting: throw Fault(.conflict, "container \(container.id) is being prepared")
        }
        var undo = Undo()
        do throws(Fault) {
            try await startSteps(container, before, &undo)
        } catch {
            await startFailed(container, before, undo, error)
            throw error
        }
        publish("start", container.record)
    }

    /// Puts away what a failed start has made and remembers why it failed.
    private func startFailed(_ container: Container, _ before: ContainerPhase.Rest, _ undo: Undo, _ fault: Fault) async {
        for left in await undo.run() { report("a step of start could not be undone", container.id, left) }
        let code: Int = switch fault.kind {
        case .commandNotFound: 127
        case .commandNotExecutable: 126
        case .invalidArgument, .notFound, .conflict, .notModified, .forbidden, .unauthorized, .tooLarge, .noSpace, .unsupported,
            .unavailable, .failed:
            128
        }
        await note(container) { record in
            switch before {
            case .created: record.phase = .created(StartFailure(exitCode: code, error: fault.description))
            case .exited(var ended):
                ended.exitCode = code
                ended.error = fault.description
                record.phase = .exited(ended)
            }
        }
        container.closeEarlyAttaches()
        container.tellExit()
        container.tellResting()
        if container.record.hostConfig.autoRemove {
            do throws(Fault) { try await removeNow(container) } catch { report("a container that failed to start could not be removed", container.id, error) }
        }
    }

    // MARK: - Steps

    private func startSteps(_ container: Container, _ before: ContainerPhase.Rest, _ undo: inout Undo) async throws(Fault) {
        let id = container.id
        try await change(container) { record in
            record.phase = .starting(before: before)
            record.stoppedByUser = false
            record.restartCount = 0
        }
        CrashPoint.startRecord.pass()

        undo.add("disconnect from the network") { [self] () async throws(Fault) in try await networks.disconnect(id) }
        let attachment = try await networks.connect(networkRequest(container.record))
        CrashPoint.startNetwork.pass()

        undo.add("remove the bundle") { [self] () async throws(Fault) in try await removeBundle(id) }
        try await makeBundle(id)
        undo.add("unmount the root file system") { [self] () async throws(Fault) in
            try await images.unmountRootfs(at: configuration.rootfs(id.text))
        }
        try await images.mountRootfs(id, image: container.record.imageID, at: configuration.rootfs(id.text))
        CrashPoint.startMount.pass()

        try await writeBundle(container.record, attachment)
        CrashPoint.startBundle.pass()

        undo.add("end the shim") { [self] () async throws(Fault) in await endShim(container) }
        let pid = try await spawnShim(container)
        CrashPoint.startReady.pass()

        let shim = try await connectShim(container)
        try await passEarlyAttaches(container, shim)
        CrashPoint.startAttach.pass()

        try await shim.request(.start)
        CrashPoint.startRelease.pass()

        try await change(container) { record in
            record.health = HealthPlan.make(record.config) == nil ? nil : HealthReport()
            record.phase = .running(pid: Int(pid), startedAt: .now())
            record.network = attachment.settings
        }
        CrashPoint.startDone.pass()
    }

    /// What the container asks of the network.
    func networkRequest(_ record: ContainerRecord) -> NetworkRequest {
        let (config, host) = (record.config, record.hostConfig)
        let mode = config.networkDisabled == true ? "none" : host.networkMode
        let endpoints = record.networking.endpointsConfig ?? [:]
        let endpoint = endpoints[mode] ?? (mode == "bridge" ? endpoints["default"] : nil)
        let bindings = (host.portBindings ?? [:]).mapValues { ($0 ?? []).compactMap { $0 } }
        let mac = [endpoint?.macAddress, config.macAddress].compactMap { $0 }.first { !$0.isEmpty }
        let ipv4 = endpoint?.ipamConfig?.ipv4Address ?? ""
        return NetworkRequest(
            id: record.id, name: record.name, hostname: config.hostname, domainname: config.domainname, mode: mode,
            aliases: endpoint?.aliases ?? [], macAddress: mac, ipv4: ipv4.isEmpty ? nil : ipv4, portBindings: bindings,
            exposedPorts: (config.exposedPorts ?? [:]).keys.sorted(), publishAllPorts: host.publishAllPorts)
    }

    private func makeBundle(_ id: ContainerID) async throws(Fault) {
        try await blocking { [configuration] () throws(Fault) in
            let (bundle, rootfs) = (configuration.bundle(id.text), configuration.rootfs(id.text))
            try system("make the bundle \(bundle)") { () throws(Errno) in
                try Files.makeDirectories(bundle, mode: 0o700)
                try Files.makeDirectories(rootfs, mode: 0o700)
                try Files.makeDirectories(configuration.shimDirectory(id.text), mode: 0o700)
                try Files.makeDirectories(configuration.runtimeRoot, mode: 0o700)
            }
        }
    }

    private func writeBundle(_ record: ContainerRecord, _ attachment: NetworkAttachment) async throws(Fault) {
        try await blocking { [configuration, facts] () throws(Fault) in
            let id = record.id.text
            try EtcFiles.write(record, attachment: attachment, configuration: configuration)
            let plan = try MountPlan(record.hostConfig, own: ContainerConfig(), image: nil)
            try plan.prepareSources()
            try plan.prepareMountPoints(in: configuration.rootfs(id))
            let user = try UserLookup.resolve(
                record.config.user, additional: record.hostConfig.groupAdd ?? [], rootfs: configuration.rootfs(id))
            let input = SpecInput(
                record: record, user: user, rootfs: configuration.rootfs(id), networkNamespace: attachment.namespacePath,
                cgroupParent: configuration.cgroupParent, mounts: plan.entries.map(\.mount), devices: try DevicePlan(record.hostConfig),
                files: EtcFiles.paths(in: configuration.dataDirectory(id)), facts: facts)
            let bytes = try JSON.encode(try SpecBuilder.spec(input))
            let path = "\(configuration.bundle(id))/config.json"
            try system("write \(path)") { () throws(Errno) in try Files.replace(path, with: bytes, durable: false) }
        }
    }

    // MARK: - Shim

    private func spawnShim(_ container: Container) async throws(Fault) -> Int32 {
        let launch = try launch(container.record)
        let (shimPid, pid) = try await blocking { () throws(Fault) -> (pid_t, Int32) in
            let spawned = try launch.spawn()
            let shimPid = spawned.pid
            CrashPoint.startShim.pass()
            return (shimPid, try launch.waitUntilReady(spawned))
        }
        container.shimPid = shimPid
        return pid
    }

    private func launch(_ record: ContainerRecord) throws(Fault) -> ShimLaunch {
        let (config, host, id) = (record.config, record.hostConfig, record.id.text)
        guard let runtime = configuration.runtimes[host.runtime] else {
            throw Fault(.invalidArgument, "unknown or invalid runtime name: \(host.runtime)")
        }
        let log: ShimLaunch.Log = switch try LogPlan(host.logConfig) {
        case .none: .none
        case .jsonFile(let sizeMax, let filesMax): .file(path: configuration.logPath(id), sizeMax: sizeMax, filesMax: filesMax)
        }
        return ShimLaunch(
            program: configuration.shim, id: id, bundle: configuration.bundle(id), stateDirectory: configuration.shimDirectory(id),
            runtime: runtime, runtimeRoot: configuration.runtimeRoot, log: log, tty: config.tty,
            stdin: !config.openStdin ? .none : config.stdinOnce ? .once : .open, restart: HostRules.restartPolicy(host.restartPolicy),
            health: HealthPlan.make(config), stopSignal: try stopSignal(config), stopTimeoutSeconds: config.stopTimeout ?? configuration.stopTimeoutSeconds)
    }

    /// The signal that asks a container to end.
    func stopSignal(_ config: ContainerConfig) throws(Fault) -> Int32 {
        guard let text = config.stopSignal, !text.isEmpty else { return 15 }
        return try Signals.parse(text)
    }

    /// Connects to a container's shim and listens to it.
    private func connectShim(_ container: Container) async throws(Fault) -> ShimConnection {
        let shim = try await openShim(container)
        try await shim.request(.subscribe)
        return shim
    }

    /// Connects to a container's shim; its events come once `subscribe` was asked for.
    func openShim(_ container: Container) async throws(Fault) -> ShimConnection {
        let path = "\(configuration.shimDirectory(container.id.text))/\(ShimFile.socket)"
        let generation = container.generation
        // The handlers hold the container weakly: the connection belongs to it.
        return try await blocking { [weak self, weak container] () throws(Fault) in
            try ShimConnection.connect(path) { [weak self, weak container] event in
                guard let self, let container else { return }
                container.mailbox.post { await self.heard(event, of: container, generation) }
            } onEnd: { [weak self, weak container] in
                guard let self, let container else { return }
                container.mailbox.post { await self.shimEnded(container, generation) }
            }
        }
    }

    private func passEarlyAttaches(_ container: Container, _ shim: ShimConnection) async throws(Fault) {
        for attach in container.connected(shim) {
            do throws(Fault) { try await shim.request(.attach(attach.order), passing: attach.stream) } catch {
                report("a client that attached early could not be passed on", container.id, error)
            }
        }
    }

    /// Ends a shim whose container is not to be started after all.
    func endShim(_ container: Container) async {
        if let shim = container.shim {
            container.disconnected()
            // A created container is put away; one whose command runs already has to be killed.
            do throws(Fault) { try await shim.request(.shutdown, within: 10) } catch {
                do throws(Fault) { try await shim.request(.stop(ShimRequest.Stop(signal: 9, timeoutSeconds: 1)), within: 20) } catch {
                    report("a shim did not let go of its container", container.id, error)
                }
            }
            shim.close()
        }
        await reapShim(container)
        await deleteTask(container.record)
    }

    /// Takes an ended shim off the process table, where it is the daemon's child.
    func reapShim(_ container: Container) async {
        guard let pid = container.shimPid else { return }
        container.shimPid = nil
        _ = try? await blocking { () throws(Fault) in ShimLaunch.end(pid) }  // never throws
    }

    /// Lets the runtime remove what a shim that died has left: processes, cgroup, state.
    func deleteTask(_ record: ContainerRecord) async {
        let id = record.id.text
        guard let runtime = configuration.runtimes[record.hostConfig.runtime] else { return }
        let root = configuration.runtimeRoot
        guard Files.exists("\(root)/\(id)") else { return }
        do throws(Fault) {
            let ended = try await blocking { () throws(Fault) in
                try ChildProcess(program: runtime, arguments: ["--root", root, "delete", "--force", id]).run()
            }
            if ended.status != .exited(code: 0) { throw Fault(.failed, ended.errors.isEmpty ? "\(ended.status)" : ended.errors, trail: ["runtime delete"]) }
        } catch {
            report("the runtime could not delete a container", record.id, error)
        }
    }

    /// Removes the bundle. The mount point goes first and alone: were the container's file system
    /// still mounted there, a walk would delete what is in it.
    func removeBundle(_ id: ContainerID) async throws(Fault) {
        try await blocking { [configuration] () throws(Fault) in
            let (bundle, rootfs) = (configuration.bundle(id.text), configuration.rootfs(id.text))
            try system("remove the mount point \(rootfs)") { () throws(Errno) in try Files.removeEmptyDirectory(rootfs) }
            try system("remove the bundle \(bundle)") { () throws(Errno) in try Files.removeTree(bundle) }
        }
    }
}
