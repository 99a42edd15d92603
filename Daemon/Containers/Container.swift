// Container owns one container's published snapshot, who waits for it, and its shim's connection.
// It decides nothing: ContainerService does, in commands that its mailbox puts in order.
import CLinux
import EngineAPI
import Faults
import Linux
import ShimProtocol
import Synchronization

/// One container of the engine.
final class Container: Sendable {
    /// The most clients that attach before the container starts.
    static let earlyAttachesMax = 32

    /// Its ID.
    let id: ContainerID
    /// The order of its commands.
    let mailbox = Mailbox()

    /// A client that attached before there was a shim.
    struct EarlyAttach: Sendable {
        /// What it wants.
        let order: ShimRequest.Attach
        /// The shim's end of its stream; owned.
        let stream: CInt
    }

    private struct Waiter {
        let condition: WaitCondition
        let promise: Promise<WaitResponse>
    }

    private struct State {
        var record: ContainerRecord
        var shim: ShimConnection?
        var shimPid: pid_t?
        /// Counts shims, so that what an earlier one said late is not taken for the present one's.
        var generation: UInt64 = 0
        var early: [EarlyAttach] = []
        var waiters: [UInt64: Waiter] = [:]
        var resting: [Promise<Bool>] = []
        var next: UInt64 = 0
        var removed = false
        var execs: [String: ExecProcess] = [:]
        /// Their IDs, the oldest first.
        var execOrder: [String] = []
    }
    private let state: Mutex<State>

    init(_ record: ContainerRecord) {
        id = record.id
        state = Mutex(State(record: record))
    }

    deinit { closeEarlyAttaches() }

    // MARK: - Snapshot

    /// The record as last published.
    var record: ContainerRecord { state.withLock { $0.record } }

    /// Publishes a new record; only commands of the mailbox do.
    func publish(_ record: ContainerRecord) { state.withLock { $0.record = record } }

    /// Whether it is no more.
    var isRemoved: Bool { state.withLock { $0.removed } }

    // MARK: - Shim

    /// The connection to its shim, while there is one.
    var shim: ShimConnection? { state.withLock { $0.shim } }

    /// Its shim's process where that is the daemon's child.
    var shimPid: pid_t? {
        get { state.withLock { $0.shimPid } }
        set { state.withLock { $0.shimPid = newValue } }
    }

    /// Sets the connection and hands out who attached before it.
    func connected(_ shim: ShimConnection) -> [EarlyAttach] {
        state.withLock { state in
            state.shim = shim
            defer { state.early = [] }
            return state.early
        }
    }

    /// The number of the present shim, or of the next one.
    var generation: UInt64 { state.withLock { $0.generation } }

    /// Forgets the connection; what its shim still says counts no more.
    func disconnected() {
        state.withLock { state in
            state.shim = nil
            state.generation += 1
        }
    }

    /// The shim to attach to now, or nil when the attach was put aside for the next start.
    /// - Throws: `unavailable` when too many wait; the stream is closed then.
    func shimForAttach(_ order: ShimRequest.Attach, stream: CInt) throws(Fault) -> ShimConnection? {
        enum Outcome { case now(ShimConnection), later, tooMany }
        let outcome: Outcome = state.withLock { state in
            if let shim = state.shim { return .now(shim) }
            state.early.removeAll { attach in
                guard Container.isAbandoned(attach.stream) else { return false }
                close(attach.stream)
                return true
            }
            guard state.early.count < Container.earlyAttachesMax, !state.removed else { return .tooMany }
            state.early.append(EarlyAttach(order: order, stream: stream))
            return .later
        }
        switch outcome {
        case .now(let shim): return shim
        case .later: return nil
        case .tooMany:
            close(stream)
            throw Fault(.unavailable, "too many clients are attached to this container (\(Container.earlyAttachesMax))")
        }
    }

    /// Whether nobody holds the other end of a stream any more.
    private static func isAbandoned(_ stream: CInt) -> Bool {
        var poll = pollfd(fd: stream, events: 0, revents: 0)
        return CLinux.poll(&poll, 1, 0) > 0 && CInt(poll.revents) & POLLHUP != 0
    }

    /// Lets go of everybody who attached and will not be served.
    func closeEarlyAttaches() {
        let early = state.withLock { state in
            defer { state.early = [] }
            return state.early
        }
        for attach in early { close(attach.stream) }
    }

    // MARK: - Waiting

    /// Gets in line for a condition.
    func ticket(_ condition: WaitCondition) -> WaitTicket {
        let promise = Promise<WaitResponse>()
        let number = state.withLock { state -> UInt64? in
            if case .notRunning = condition, !state.record.isRunning { return nil }
            state.next += 1
            state.waiters[state.next] = Waiter(condition: condition, promise: promise)
            return state.next
        }
        guard let number else {
            promise.fulfil(record.waitResponse)
            return WaitTicket(promise) {}
        }
        return WaitTicket(promise) { [weak self] in
            _ = self?.state.withLock { $0.waiters.removeValue(forKey: number) }
        }
    }

    /// Tells those who wait for an exit.
    func tellExit() { tell([.notRunning, .nextExit]) }

    /// Tells everybody: there will be nothing more.
    func tellRemoved() {
        state.withLock { $0.removed = true }
        tell(Set(WaitCondition.allCases))
        tellResting()
        closeEarlyAttaches()
    }

    private func tell(_ conditions: Set<WaitCondition>) {
        let (response, promises) = state.withLock { state in
            let due = state.waiters.filter { conditions.contains($0.value.condition) }
            for number in due.keys { state.waiters[number] = nil }
            return (state.record.waitResponse, due.values.map(\.promise))
        }
        for promise in promises { promise.fulfil(response) }
    }

    /// A promise that is kept when the container is at rest: ended for good, and everything of the
    /// run put away.
    func rest() -> Promise<Bool> {
        let promise = Promise<Bool>()
        let atRest = state.withLock { state in
            if state.removed || !state.record.isRunning { return true }
            state.resting.append(promise)
            return false
        }
        if atRest { promise.fulfil(true) }
        return promise
    }

    /// Tells those who wait for rest.
    func tellResting() {
        let promises = state.withLock { state in
            defer { state.resting = [] }
            return state.resting
        }
        for promise in promises { promise.fulfil(true) }
    }

    // MARK: - Execs

    /// The exec of that ID.
    func exec(_ id: String) -> ExecProcess? { state.withLock { $0.execs[id] } }

    /// The most execs that are remembered after their end.
    static let endedExecsMax = 256

    /// Adds an exec and returns the IDs of those that ended long ago and are forgotten for it.
    func addExec(_ exec: ExecProcess) -> [String] {
        state.withLock { state in
            state.execs[exec.id] = exec
            state.execOrder.append(exec.id)
            var surplus = state.execs.values.filter { !$0.phase.isOpen }.count - Container.endedExecsMax
            guard surplus > 0 else { return [] }
            var forgotten: [String] = []
            for id in state.execOrder where surplus > 0 && state.execs[id]?.phase.isOpen == false {
                state.execs[id] = nil
                forgotten.append(id)
                surplus -= 1
            }
            state.execOrder.removeAll { state.execs[$0] == nil }
            return forgotten
        }
    }

    /// The IDs of its execs that have not ended.
    var execIDs: [String] {
        state.withLock { $0.execs.values.filter { $0.phase.isOpen }.map(\.id).sorted() }
    }

    /// Changes one exec and returns it.
    func updateExec(_ id: String, _ body: (inout ExecProcess) -> Void) -> ExecProcess? {
        state.withLock { state in
            guard var exec = state.execs[id] else { return nil }
            body(&exec)
            state.execs[id] = exec
            return exec
        }
    }

    /// Takes every exec away and returns their IDs.
    func takeExecs() -> [String] {
        state.withLock { state in
            defer { state.execs = [:] }
            return Array(state.execs.keys)
        }
    }

    /// Ends every exec that still runs, as the container's end did.
    func endExecs() -> [ExecProcess] {
        state.withLock { state in
            var ended: [ExecProcess] = []
            for (id, var exec) in state.execs {
                guard case .running = exec.phase else { continue }
                exec.phase = .ended(exitCode: 137)
                state.execs[id] = exec
                ended.append(exec)
            }
            return ended
        }
    }
}

extension ContainerRecord {
    /// What `wait` answers now.
    var waitResponse: WaitResponse { WaitResponse(statusCode: exitCode, error: nil) }

    /// Docker's exit code: of the last run, or why there was none.
    var exitCode: Int {
        if let ended { return ended.exitCode }
        switch phase {
        case .created(let failure?): return failure.exitCode
        case .starting(.created(let failure?)), .removing(.created(let failure?)): return failure.exitCode
        case .creating, .created, .starting, .running, .restarting, .exited, .removing: return 0
        }
    }
}
