// Who hears what, from when to when.
import EngineAPI
import EngineEvents
import Testing

private func event(_ action: String, id: String = "c1", seconds: Int64 = 100, type: EventType = .container, _ attributes: [String: String] = [:]) -> EventMessage {
    EventMessage(type, action, id: id, attributes: attributes, at: Timestamp(seconds: seconds))
}

private func actions(_ stream: AsyncStream<EventMessage>) async -> [String] {
    var found: [String] = []
    for await event in stream { found.append(event.action) }
    return found
}

@Suite("event bus")
struct EventBusTests {
    @Test("a listener without since hears only what comes")
    func live() async {
        let bus = EventBus()
        bus.publish(event("before"))
        let stream = bus.subscribe(since: nil, until: nil, filters: Filters())
        bus.publish(event("after"))
        var iterator = stream.makeAsyncIterator()
        #expect(await iterator.next()?.action == "after")
    }

    @Test("since and until cut a piece out of the past")
    func past() async {
        let bus = EventBus()
        for second in 1...5 { bus.publish(event("e\(second)", seconds: Int64(second))) }
        let stream = bus.subscribe(since: Timestamp(seconds: 2), until: Timestamp(seconds: 4), filters: Filters())
        #expect(await actions(stream) == ["e2", "e3", "e4"])
    }

    @Test("the past is bounded, and the newest of it stays")
    func bounded() async {
        let bus = EventBus()
        for number in 0..<(EventBus.historyMax + 7) { bus.publish(event("e\(number)")) }
        let found = await actions(bus.subscribe(since: Timestamp(seconds: 0), until: Timestamp(seconds: 200), filters: Filters()))
        #expect(found.count == EventBus.historyMax)
        #expect(found.first == "e7")
        #expect(found.last == "e\(EventBus.historyMax + 6)")
    }

    @Test("a listener that does not listen is cut off and forgotten")
    func slow() async {
        let bus = EventBus()
        let stream = bus.subscribe(since: nil, until: nil, filters: Filters())
        for _ in 0..<(EventBus.historyMax + EventBus.backlogMax + 1) { bus.publish(event("flood")) }
        #expect(bus.listenerCount == 0)
        #expect(await actions(stream).count == EventBus.historyMax + EventBus.backlogMax)
    }

    @Test("a listener that goes away is forgotten")
    func gone() async {
        let bus = EventBus()
        let task = Task { await actions(bus.subscribe(since: nil, until: nil, filters: Filters())) }
        while bus.listenerCount == 0 { await Task.yield() }
        task.cancel()
        _ = await task.value
        #expect(bus.listenerCount == 0)
    }

    @Test("filters of different names all have to match, values of one name are alternatives", arguments: [
        (["type": ["container"]], true), (["type": ["image"]], false), (["type": ["image", "container"]], true),
        (["event": ["exec_start"]], true), (["event": ["start"]], false), (["container": ["web"]], true),
        (["container": ["c1"]], true), (["container": ["other"]], false), (["image": ["busybox"]], true),
        (["label": ["tier=front"]], true), (["label": ["tier"], "event": ["die"]], false), (["network": ["n"]], false),
    ])
    func filters(_ filters: [String: [String]], _ admitted: Bool) {
        let message = event("exec_start: sh", ["name": "web", "image": "busybox:latest", "tier": "front"])
        #expect(EventFilter(filters: Filters(filters)).admits(message) == admitted)
    }
}
