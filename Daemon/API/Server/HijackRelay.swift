// HijackRelay owns a hijacked connection: it copies between the client's channel and a process's
// stream socket, both on one event loop, and passes on each half-close. Byte-exact, except for the
// detach keys. Each side is read only while the other can be written.
import CLinux
import NIOCore
import NIOPosix

/// Copies between a client and a process.
///
///     client ──typed bytes──► detach keys ──► process       half-close ──► end of its standard input
///     client ◄──────── output, framed already ──────────── process       its end ──► both are closed
final class HijackRelay {
    /// How long the client may take for its own end after the process's.
    private static let farewell = TimeAmount.seconds(3)
    /// How long a process may take for the last input of a client that has gone.
    private static let lastInput = TimeAmount.seconds(10)

    private let client: any Channel
    private let stream: CInt
    private let forwardsInput: Bool
    private var filter: DetachKeyFilter?
    private var process: (any Channel)?
    private var lastToClient: EventLoopFuture<Void>
    private var lastToProcess: EventLoopFuture<Void>
    /// What the client sent before the process's stream was ready; its size is that of a socket's buffer.
    private var early = ByteBuffer()
    private var clientInputEnded = false
    private var clientHasGone = false
    private var processEnded = false
    private var clientReadIsDue = false
    private var processReadIsDue = false

    init(client: any Channel, stream: ProcessStream, detachKeys: DetachKeys?) {
        self.client = client
        self.stream = stream.descriptor
        forwardsInput = stream.forwardsInput
        filter = detachKeys.map(DetachKeyFilter.init)
        lastToClient = client.eventLoop.makeSucceededVoidFuture()
        lastToProcess = client.eventLoop.makeSucceededVoidFuture()
    }

    /// Takes the process's stream into the event loop; `rest` is what the client sent behind its request.
    func start(rest: ByteBuffer, inputClosed: Bool) {
        early = rest
        clientInputEnded = inputClosed
        let this = NIOLoopBound(self, eventLoop: client.eventLoop)
        ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ProcessStreamHandler(relay: this.value))
                }
            }
            .withConnectedSocket(stream)
            .whenComplete { result in
                switch result {
                case .success(let channel): this.value.glue(channel)
                case .failure: this.value.finishClient()
                }
            }
    }

    private func glue(_ channel: any Channel) {
        process = channel
        if early.readableBytes > 0 { clientRead(early) }
        early = ByteBuffer()
        channel.flush()
        if clientHasGone { return leaveProcess() }
        if clientInputEnded {
            clientInputEnded = false
            clientInputClosed()
        } else {
            client.read()
        }
        channel.read()
    }

    // MARK: - The client's side

    func clientRead(_ buffer: ByteBuffer) {
        guard forwardsInput, !processEnded else { return }
        guard let process else {
            early.writeImmutableBuffer(buffer)
            return
        }
        guard filter != nil else { return toProcess(process, buffer) }
        guard let (forward, detached) = filter?.push(buffer.readableBytesView) else { return }
        if !forward.isEmpty { toProcess(process, ByteBuffer(bytes: forward)) }
        if detached {
            process.flush()
            leaveProcess()
            finishClient()
        }
    }

    func clientReadComplete() {
        if processEnded { return client.read() }
        guard let process else { return }
        process.flush()
        if process.isWritable { client.read() } else { clientReadIsDue = true }
    }

    func clientInputClosed() {
        guard !clientInputEnded else { return }
        clientInputEnded = true
        guard let process, !processEnded else { return finishClientIfEnded() }
        guard forwardsInput else { return }
        if let held = filter?.finish(), !held.isEmpty { toProcess(process, ByteBuffer(bytes: held)) }
        process.flush()
        // Not at once: a half-close in front of waiting bytes would drop them.
        lastToProcess.whenComplete { _ in process.close(mode: .output, promise: nil) }
    }

    func clientWritabilityChanged() {
        guard client.isWritable, processReadIsDue, let process else { return }
        processReadIsDue = false
        process.read()
    }

    func clientGone() {
        guard !clientHasGone else { return }
        clientHasGone = true
        leaveProcess()
    }

    /// Gives the process's stream back, after the last input has been taken or time is up.
    private func leaveProcess() {
        guard let process else { return }
        process.flush()
        let patience = client.eventLoop.scheduleTask(in: Self.lastInput) { process.close(promise: nil) }
        lastToProcess.whenComplete { _ in
            patience.cancel()
            process.close(promise: nil)
        }
    }

    private func toProcess(_ process: any Channel, _ buffer: ByteBuffer) {
        let promise = client.eventLoop.makePromise(of: Void.self)
        process.write(buffer, promise: promise)
        lastToProcess = promise.futureResult
    }

    // MARK: - The process's side

    func processRead(_ buffer: ByteBuffer) {
        let promise = client.eventLoop.makePromise(of: Void.self)
        client.write(buffer, promise: promise)
        lastToClient = promise.futureResult
    }

    func processReadComplete() {
        client.flush()
        if client.isWritable { process?.read() } else { processReadIsDue = true }
    }

    func processWritabilityChanged() {
        guard let process, process.isWritable, clientReadIsDue else { return }
        clientReadIsDue = false
        client.read()
    }

    /// The process and its output have ended, or its supervisor has.
    func processStreamEnded() {
        guard !processEnded else { return }
        finishClient()
        process?.close(promise: nil)
    }

    // MARK: - The end

    /// Ends our side towards the client behind the last output, then waits a moment for its end.
    private func finishClient() {
        guard !processEnded else { return }
        processEnded = true
        client.flush()
        let client = client
        let this = NIOLoopBound(self, eventLoop: client.eventLoop)
        lastToClient.whenComplete { _ in
            client.close(mode: .output, promise: nil)
            this.value.finishClientIfEnded()
            client.eventLoop.scheduleTask(in: Self.farewell) { client.close(promise: nil) }
            client.read()
        }
    }

    private func finishClientIfEnded() {
        guard clientInputEnded, processEnded else { return }
        let client = client
        lastToClient.whenComplete { _ in client.close(promise: nil) }
    }
}

/// Hands what happens on the process's stream to the relay.
private final class ProcessStreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let relay: HijackRelay

    init(relay: HijackRelay) { self.relay = relay }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { relay.processRead(unwrapInboundIn(data)) }

    func channelReadComplete(context: ChannelHandlerContext) { relay.processReadComplete() }

    func channelWritabilityChanged(context: ChannelHandlerContext) { relay.processWritabilityChanged() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { relay.processStreamEnded() }
    }

    func channelInactive(context: ChannelHandlerContext) { relay.processStreamEnded() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
