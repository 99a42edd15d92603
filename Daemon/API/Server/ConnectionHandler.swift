// ConnectionHandler owns one client's connection on its event loop: which request is being served,
// when bytes are read, how long a client may take, and what happens when it goes. It knows no route.
//
// Bytes are read only on demand: for a head while no request is served, for a body when its reader
// asks. What a client sends behind a request stays in the parser until that request is answered;
// after a hijack it is the first part of the raw stream.
import CLinux
import NIOCore

/// Serves the requests of one connection, one after the other.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// What a served request leaves the connection as.
    enum Outcome: Sendable {
        /// The answer has been sent; the next request may come.
        case answered
        /// The answer has been sent, or cannot be, and the connection ends.
        case close
        /// A relay has taken over.
        case hijacked
    }

    /// Serves one request.
    typealias Serve = @Sendable (RequestHead, Connection) async -> Outcome

    /// How long a client may take.
    enum Patience {
        /// Without a request.
        static let idle = TimeAmount.minutes(10)
        /// From the first to the last byte of a head.
        static let head = TimeAmount.seconds(30)
        /// For the next bytes of a body that somebody waits for.
        static let body = TimeAmount.minutes(10)
        /// For the rest of a body that nobody wants.
        static let drain = TimeAmount.seconds(5)
        /// For its own end of the connection, after ours.
        static let farewell = TimeAmount.seconds(2)
    }

    /// Bytes of a body that nobody wants which are read to keep the connection.
    static let drainBytesMax = 1 << 20

    /// Bytes that a client may still send after our end of the connection.
    static let farewellBytesMax = 64 << 20

    private enum Phase {
        case waiting
        case serving(Task<Void, Never>)
        case draining(remaining: Int)
        case hijacked(HijackRelay)
        case leaving(remaining: Int)
        case gone
    }

    private let serve: Serve
    private var context: ChannelHandlerContext?
    private var parser = RequestParser()
    private var phase = Phase.waiting
    private var inputClosed = false
    private var demand: EventLoopPromise<ByteBuffer?>?
    private var owesContinue = false
    private var deadline: Scheduled<Void>?
    private var headStarted = false

    init(serve: @escaping Serve) { self.serve = serve }

    // MARK: - From the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        setDeadline(Patience.idle)
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        switch phase {
        case .hijacked(let relay): relay.clientRead(buffer)
        case .leaving(let remaining): phase = .leaving(remaining: remaining - buffer.readableBytes)
        case .gone: break
        case .waiting, .serving, .draining: parser.append(buffer)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .hijacked(let relay) = phase { relay.clientReadComplete() } else { advance() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else { return }
        inputClosed = true
        if case .hijacked(let relay) = phase { relay.clientInputClosed() } else { advance() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if case .hijacked(let relay) = phase { relay.clientWritabilityChanged() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        inputClosed = true
        failDemand(ChannelError.eof)
        switch phase {
        case .serving(let task): task.cancel()
        case .hijacked(let relay): relay.clientGone()
        case .waiting, .draining, .leaving, .gone: break
        }
        phase = .gone
    }

    // MARK: - From the task that serves

    /// The next bytes of the body; nil at its end.
    func nextBodyPart(on eventLoop: any EventLoop) -> EventLoopFuture<ByteBuffer?> {
        // A client that has gone took the handler out of its pipeline, and with it the context.
        guard let context, demand == nil, case .serving = phase else {
            return eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        let promise = context.eventLoop.makePromise(of: ByteBuffer?.self)
        demand = promise
        setDeadline(Patience.body)
        advance()
        if demand != nil, owesContinue {
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: ResponseHead(100).bytes)), promise: nil)
        }
        owesContinue = false
        return promise.futureResult
    }

    /// Makes the connection a process's stream, whose descriptor it takes.
    func startRelay(_ stream: ProcessStream, detachKeys: DetachKeys?) {
        guard let context, case .serving = phase else {
            _ = CLinux.close(stream.descriptor)
            return
        }
        deadline?.cancel()
        let relay = HijackRelay(client: context.channel, stream: stream, detachKeys: detachKeys)
        phase = .hijacked(relay)
        relay.start(rest: parser.takeRest(), inputClosed: inputClosed)
    }

    // MARK: - Phases

    private func advance() {
        switch phase {
        case .waiting: awaitHead()
        case .serving: feedBody()
        case .draining(let remaining): drain(remaining)
        case .leaving(let remaining): if inputClosed || remaining < 0 { context?.close(promise: nil) } else { context?.read() }
        case .hijacked, .gone: break
        }
    }

    private func awaitHead() {
        guard let context else { return }
        do {
            guard case .head(let head)? = try parser.next() else {
                if inputClosed {
                    context.close(promise: nil)
                } else {
                    if !parser.isIdle, !headStarted {
                        headStarted = true
                        setDeadline(Patience.head)
                    }
                    context.read()
                }
                return
            }
            begin(head, context)
        } catch {
            refuse(error)
        }
    }

    private func begin(_ head: RequestHead, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        headStarted = false
        owesContinue = head.expectsContinue && parser.bufferedCount == 0
        let connection = Connection(channel: context.channel, handler: NIOLoopBound(self, eventLoop: context.eventLoop))
        phase = .serving(
            Task { [serve] in
                let outcome = await serve(head, connection)
                connection.finish(outcome)
            })
    }

    /// The request has been served.
    func finish(_ outcome: Outcome) {
        guard case .serving = phase else { return }
        switch outcome {
        case .hijacked: break
        case .close: leave()
        case .answered:
            phase = .draining(remaining: Self.drainBytesMax)
            setDeadline(Patience.drain)
            drain(Self.drainBytesMax)
        }
    }

    private func feedBody() {
        guard let promise = demand else { return }
        do {
            switch try parser.next() {
            case .body(let buffer): satisfy(promise, buffer)
            case .end: satisfy(promise, nil)
            case .head: preconditionFailure("a head came out while its request was served")
            case nil:
                if parser.isFinished { satisfy(promise, nil) } else if inputClosed { failDemand(ChannelError.eof) } else { context?.read() }
            }
        } catch {
            failDemand(error)
        }
    }

    private func satisfy(_ promise: EventLoopPromise<ByteBuffer?>, _ buffer: ByteBuffer?) {
        demand = nil
        deadline?.cancel()
        promise.succeed(buffer)
    }

    private func failDemand(_ error: any Error) {
        demand?.fail(error)
        demand = nil
    }

    /// Reads the rest of a body that nobody wanted, within bounds, to keep the connection.
    private func drain(_ remaining: Int) {
        var remaining = remaining
        do {
            while let event = try parser.next() {
                if case .body(let buffer) = event { remaining -= buffer.readableBytes }
            }
        } catch {
            return leave()
        }
        if parser.isFinished {
            parser.resume()
            phase = .waiting
            setDeadline(Patience.idle)
            return awaitHead()
        }
        guard remaining > 0, !inputClosed, !owesContinue else { return leave() }
        phase = .draining(remaining: remaining)
        context?.read()
    }

    private func refuse(_ refused: RequestRefused) {
        guard let context else { return }
        guard case .complete(var head, let body) = Response.failure(status: refused.status, refused.message) else { return }
        head.headers += [("Content-Length", String(body.count)), ("Connection", "close")]
        context.writeAndFlush(NIOAny(ByteBuffer(bytes: head.bytes + body)), promise: nil)
        leave()
    }

    /// Ends our side, and waits a moment for the client's: closing over bytes that are still coming
    /// would reset the connection, and the answer might be lost with it.
    private func leave() {
        phase = .leaving(remaining: Self.farewellBytesMax)
        guard let context else { return }
        guard !inputClosed else { return context.close(promise: nil) }
        setDeadline(Patience.farewell)
        context.close(mode: .output, promise: nil)
        context.read()
    }

    private func setDeadline(_ amount: TimeAmount) {
        deadline?.cancel()
        guard let context else { return }
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: amount) { channel.close(promise: nil) }
    }
}

/// A connection as the tasks see it that serve its requests.
struct Connection: Sendable {
    /// The client's channel.
    let channel: any Channel
    private let handler: NIOLoopBound<ConnectionHandler>

    init(channel: any Channel, handler: NIOLoopBound<ConnectionHandler>) {
        self.channel = channel
        self.handler = handler
    }

    /// The next bytes of the body; nil at its end.
    /// - Throws: ``RequestRefused`` where it is malformed, a channel's error where it was cut off.
    func nextBodyPart() async throws -> ByteBuffer? {
        try await channel.eventLoop.flatSubmit { handler.value.nextBodyPart(on: channel.eventLoop) }.get()
    }

    /// Makes the connection a process's stream, whose descriptor it takes.
    func startRelay(_ stream: ProcessStream, detachKeys: DetachKeys?) async throws {
        try await channel.eventLoop.submit { handler.value.startRelay(stream, detachKeys: detachKeys) }.get()
    }

    /// The request has been served.
    func finish(_ outcome: ConnectionHandler.Outcome) {
        channel.eventLoop.execute { handler.value.finish(outcome) }
    }
}
