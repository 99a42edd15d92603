import EngineAPI
import EngineStore
import Faults
import Glibc
import Testing

@testable import Containers

@Suite("Containers of an engine") struct ServiceTests {
    @Test("a created container is listed with its image's command") func creates() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        let listed = try await shop.service.list(all: true, limit: nil, size: true, filters: Filters())
        #expect(listed.map(\.id) == [made.id])
        #expect(listed[0].names == ["/one"])
        #expect(listed[0].command == "sh")
        #expect(listed[0].state == "created")
        #expect(listed[0].status == "Created")
        #expect(listed[0].sizeRw == 7)
        #expect(try await shop.service.list(all: false, limit: nil, size: false, filters: Filters()).isEmpty)
    }

    @Test("a name is taken once, and the answer says by whom") func nameConflict() async throws {
        let shop = try Workshop()
        let first = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        let fault = await #expect(throws: Fault.self) { try await shop.service.create(name: "/one", platform: nil, request: shop.request()) }
        #expect(fault?.kind == .conflict)
        #expect(
            fault?.description
                == "Conflict. The container name \"/one\" is already in use by container \"\(first.id)\". You have to remove (or rename) that container to be able to reuse that name."
        )
    }

    @Test("of many creates with one name exactly one wins") func nameRace() async throws {
        let shop = try Workshop()
        let wins = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask { (try? await shop.service.create(name: "same", platform: nil, request: shop.request())) != nil }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(wins == 1)
    }

    @Test("a container without a name gets one") func randomName() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: nil, platform: nil, request: shop.request())
        let inspected = try await shop.service.inspect(made.id, size: false)
        #expect(inspected.name.hasPrefix("/"))
        #expect(inspected.name.contains("_"))
    }

    @Test("a container is found by ID, prefix and name") func finds() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        for reference in [made.id, String(made.id.prefix(12)), String(made.id.prefix(3)), "one", "/one"] {
            #expect(try await shop.service.inspect(reference, size: false).id == made.id)
        }
        await #expect(throws: Fault(.notFound, "No such container: two")) { try await shop.service.inspect("two", size: false) }
        await #expect(throws: Fault(.notFound, "No such container: ")) { try await shop.service.inspect("", size: false) }
    }

    @Test("an image that is not there is not found, and the name is free again") func unknownImage() async throws {
        let shop = try Workshop()
        await #expect(throws: Fault(.notFound, "No such image: nothing:latest")) {
            try await shop.service.create(name: "one", platform: nil, request: shop.request { $0.config.image = "nothing" })
        }
        _ = try await shop.service.create(name: "one", platform: nil, request: shop.request())
    }

    @Test("a create that fails half-way leaves nothing") func createUndone() async throws {
        let shop = try Workshop(images: MemoryImages(failing: "prepare"))
        await #expect(throws: Fault.self) { try await shop.service.create(name: "one", platform: nil, request: shop.request()) }
        #expect(shop.images.calls.withLock { $0 } == ["prepare", "remove"])
        #expect(try shop.store.all(.containers).isEmpty)
        #expect(try await shop.service.list(all: true, limit: nil, size: false, filters: Filters()).isEmpty)
        #expect(contents(shop.scratch.path + "/data/containers").isEmpty)
    }

    @Test("a start that fails undoes its steps in reverse and remembers why") func startUndone() async throws {
        let shop = try Workshop(images: MemoryImages(failing: "mount"))
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        await #expect(throws: Fault(.failed, "mount was told to fail")) { try await shop.service.start("one") }
        #expect(shop.networks.calls.withLock { $0 } == ["connect", "disconnect"])
        #expect(shop.images.calls.withLock { $0 } == ["prepare", "mount", "unmount"])
        let state = try await shop.service.inspect(made.id, size: false).state
        #expect(state.status == "created")
        #expect(state.error == "mount was told to fail")
        #expect(state.exitCode == 128)
        #expect(contents(shop.scratch.path + "/run/containers").isEmpty)
    }

    @Test("a removed container is gone, and its name is free") func removes() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        let ticket = try await shop.service.wait("one", condition: .removed)
        try await shop.service.remove("one", force: false, volumes: false)
        #expect(await ticket.result() == WaitResponse(statusCode: 0))
        await #expect(throws: Fault(.notFound, "No such container: \(made.id)")) { try await shop.service.inspect(made.id, size: false) }
        #expect(try shop.store.all(.containers).isEmpty)
        _ = try await shop.service.create(name: "one", platform: nil, request: shop.request())
    }

    @Test("a removal that fails can be tried again") func removesAgain() async throws {
        let shop = try Workshop(images: MemoryImages(failing: "remove"))
        _ = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        await #expect(throws: Fault.self) { try await shop.service.remove("one", force: false, volumes: false) }
        #expect(try await shop.service.inspect("one", size: false).state.status == "removing")
    }

    @Test("a renamed container has its new name only") func renames() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        _ = try await shop.service.create(name: "two", platform: nil, request: shop.request())
        await #expect(throws: Fault.self) { try await shop.service.rename("one", to: "two") }
        try await shop.service.rename("one", to: "three")
        #expect(try await shop.service.inspect("three", size: false).id == made.id)
        await #expect(throws: Fault(.notFound, "No such container: one")) { try await shop.service.inspect("one", size: false) }
        _ = try await shop.service.create(name: "one", platform: nil, request: shop.request())
    }

    @Test("what is not running can neither be stopped nor killed nor entered") func notRunning() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        await #expect { try await shop.service.stop("one", timeoutSeconds: nil, signal: nil) } throws: { ($0 as? Fault)?.kind == .notModified }
        await #expect(throws: Fault(.conflict, "cannot kill container: one: container \(made.id) is not running")) {
            try await shop.service.kill("one", signal: nil)
        }
        var exec = ExecCreateRequest()
        exec.cmd = ["true"]
        await #expect(throws: Fault(.conflict, "container \(made.id) is not running")) { try await shop.service.execCreate("one", request: exec) }
    }

    @Test("waiting for a container that does not run ends at once") func waitsNot() async throws {
        let shop = try Workshop()
        _ = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        #expect(await (try shop.service.wait("one", condition: .notRunning)).result() == WaitResponse(statusCode: 0))
    }

    @Test("pruning removes what does not run and matches") func prunes() async throws {
        let shop = try Workshop()
        let kept = try await shop.service.create(name: "kept", platform: nil, request: shop.request())
        let gone = try await shop.service.create(name: "gone", platform: nil, request: shop.request { $0.config.labels = ["a": "b"] })
        let report = try await shop.service.prune(filters: Filters(["label": ["a=b"]]))
        #expect(report.containersDeleted == [gone.id])
        #expect(report.spaceReclaimed == 7)
        #expect(try await shop.service.list(all: true, limit: nil, size: false, filters: Filters()).map(\.id) == [kept.id])
    }

    @Test("listings are filtered by name, label, state and age") func filters() async throws {
        let shop = try Workshop()
        let first = try await shop.service.create(name: "web-1", platform: nil, request: shop.request { $0.config.labels = ["a": "b"] })
        let second = try await shop.service.create(name: "db", platform: nil, request: shop.request())
        func ids(_ filters: [String: [String]]) async throws -> [String] {
            try await shop.service.list(all: true, limit: nil, size: false, filters: Filters(filters)).map(\.id)
        }
        #expect(try await ids(["name": ["web"]]) == [first.id])
        #expect(try await ids(["name": ["^/db$"]]) == [second.id])
        #expect(try await ids(["label": ["a"]]) == [first.id])
        #expect(try await ids(["status": ["created"]]).count == 2)
        #expect(try await ids(["status": ["running"]]).isEmpty)
        #expect(try await ids(["before": ["db"]]) == [first.id])
        #expect(try await ids(["since": ["web-1"]]) == [second.id])
        #expect(try await ids(["ancestor": ["busybox"]]).count == 2)
        #expect(try await ids([:]) == [second.id, first.id])
        await #expect(throws: Fault(.invalidArgument, "invalid filter 'colour'")) { try await ids(["colour": ["red"]]) }
    }

    @Test("events tell of a container's making, renaming and removal") func events() async throws {
        let shop = try Workshop()
        let stream = shop.events.subscribe(since: nil, until: nil, filters: Filters())
        _ = try await shop.service.create(name: "one", platform: nil, request: shop.request { $0.config.labels = ["a": "b"] })
        try await shop.service.rename("one", to: "two")
        try await shop.service.remove("two", force: false, volumes: false)
        var seen: [String] = []
        for await event in stream {
            seen.append(event.action)
            #expect(event.actor.attributes["image"] == "busybox")
            #expect(event.actor.attributes["a"] == "b")
            if event.action == "rename" { #expect(event.actor.attributes["oldName"] == "/one") }
            if event.action == "destroy" { break }
        }
        #expect(seen == ["create", "rename", "destroy"])
    }

    @Test("containers survive the engine") func survives() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request { $0.hostConfig.memory = 64 << 20 })
        let reborn = shop.reborn()
        await reborn.recover()
        let inspected = try await reborn.inspect("one", size: false)
        #expect(inspected.id == made.id)
        #expect(inspected.hostConfig.memory == 64 << 20)
        #expect(inspected.hostConfig.memorySwap == 128 << 20)
        #expect(shop.networks.calls.withLock { $0 } == ["reconcile 0"])
    }

    @Test("a container whose record is lost is restored from the copy beside its files") func salvages() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        try shop.store.delete(.containers, made.id)
        let reborn = shop.reborn()
        await reborn.recover()
        #expect(try await reborn.inspect("one", size: false).id == made.id)
    }

    @Test("a create cut off in the middle is undone at the next start") func undoesCreate() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        var record = try ContainerRecord(document: try #require(try shop.store.get(.containers, made.id)))
        record.phase = .creating
        try shop.store.put(.containers, made.id, try record.encoded())
        let reborn = shop.reborn()
        await reborn.recover()
        #expect(try await reborn.list(all: true, limit: nil, size: false, filters: Filters()).isEmpty)
        #expect(try shop.store.all(.containers).isEmpty)
        #expect(contents(shop.scratch.path + "/data/containers").isEmpty)
        _ = try await reborn.create(name: "one", platform: nil, request: shop.request())
    }

    @Test("a running container that nobody can account for has exited with 255") func lost() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        var record = try ContainerRecord(document: try #require(try shop.store.get(.containers, made.id)))
        record.phase = .running(pid: 99_999, startedAt: .now())
        try shop.store.put(.containers, made.id, try record.encoded())
        let reborn = shop.reborn()
        await reborn.recover()
        let state = try await reborn.inspect("one", size: false).state
        #expect(state.status == "exited")
        #expect(state.exitCode == 255)
    }

    @Test("a record that cannot be read keeps its files") func unreadable() async throws {
        let shop = try Workshop()
        let made = try await shop.service.create(name: "one", platform: nil, request: shop.request())
        try shop.store.put(.containers, made.id, Array("{\"version\":9}".utf8))
        unlink(shop.scratch.path + "/data/containers/\(made.id)/record.json")
        await shop.reborn().recover()
        #expect(contents(shop.scratch.path + "/data/containers") == [made.id])
    }
}

private func contents(_ path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}
