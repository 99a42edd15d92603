import Faults
import Lifecycle
import OCISpec
import Testing

@testable import ShimProtocol

@Suite struct MessageTests {
    static let orders: [(ShimRequest.Order, String)] = [
        (.status, #"{"id":1,"status":{}}"#), (.start, #"{"id":1,"start":{}}"#),
        (.signal(.init(signal: 15, all: true)), #"{"id":1,"signal":{"signal":15,"all":true}}"#),
        (.stop(.init(timeoutSeconds: 3)), #"{"id":1,"stop":{"timeoutSeconds":3}}"#),
        (.resize(.init(width: 80, height: 24)), #"{"id":1,"resize":{"width":80,"height":24}}"#),
        (.attach(.init(stdin: true)), #"{"id":1,"attach":{"stdin":true,"stdout":true,"stderr":true}}"#),
        (.execStatus(.init(exec: "a")), #"{"id":1,"execStatus":{"exec":"a"}}"#),
        (.closeStdin(.init()), #"{"id":1,"closeStdin":{}}"#),
        (.updateRestartPolicy(.init(policy: .onFailure(retriesMax: 3))), #"{"id":1,"updateRestartPolicy":{"policy":"on-failure:3"}}"#),
        (.subscribe, #"{"id":1,"subscribe":{}}"#), (.shutdown, #"{"id":1,"shutdown":{}}"#),
    ]

    @Test("each order has its line, and the line is read back")
    func orders() throws {
        for (order, line) in Self.orders {
            let request = ShimRequest(id: 1, order)
            #expect(String(decoding: try LineCodec.encode(request), as: UTF8.self) == line + "\n")
            #expect(try LineCodec.decode(ShimRequest.self, from: Array(line.utf8)) == request)
        }
    }

    @Test("an exec carries its process")
    func exec() throws {
        let process = RuntimeSpec.Process(args: ["sh", "-c", "echo \"hi\""], env: ["A=1"], cwd: "/tmp")
        let request = ShimRequest(id: 9, .exec(.init(exec: "x1", process: process, tty: true)))
        #expect(try LineCodec.decode(ShimRequest.self, from: try LineCodec.encode(request)) == request)
    }

    @Test(
        "a request without an order, with two, or without a number is refused",
        arguments: [#"{"id":1}"#, #"{"id":1,"start":{},"stop":{}}"#, #"{"start":{}}"#, #"{"id":1,"dance":{}}"#, "[]", "nonsense"])
    func refused(line: String) {
        #expect(throws: Fault.self) { try LineCodec.decode(ShimRequest.self, from: Array(line.utf8)) }
    }

    @Test("answers and events share a connection and are told apart")
    func messages() throws {
        let exit = ExitRecord(
            exitCode: 137, signal: 9, oomKilled: true, startedAt: Timestamp(seconds: 10), exitedAt: Timestamp(seconds: 20), restartCount: 2)
        let messages: [ShimMessage] = [
            .reply(ShimReply(id: 1, .done)), .reply(ShimReply(id: 2, .failed(WireFault(Fault(.conflict, "no"))))),
            .reply(ShimReply(id: 3, .exec(ExecStatus(exec: "a", running: false, pid: 4, exitCode: 0)))),
            .reply(
                ShimReply(
                    id: 4, .status(TaskStatus(id: "c", phase: .restarting, shimPid: 2, tty: false, restartPolicy: .always, lastExit: exit)))
            ),
            .event(.started(.init(pid: 3, startedAt: Timestamp(seconds: 1)))), .event(.restarting), .event(.oom),
            .event(.exited(.init(exit: exit, willRestart: true, restartDelayMilliseconds: 100))),
            .event(.execStarted(.init(exec: "a", pid: 5))), .event(.execExited(.init(exec: "a", pid: 5, exitCode: 1))),
        ]
        for message in messages {
            #expect(try LineCodec.decode(ShimMessage.self, from: try LineCodec.encode(message)) == message)
        }
    }

    @Test("readiness is one line with a pid or a reason")
    func readiness() throws {
        #expect(String(decoding: try LineCodec.encode(ShimReadiness.ready(pid: 12)), as: UTF8.self) == "{\"ready\":{\"pid\":12}}\n")
        let failed = ShimReadiness.failed(WireFault(Fault(.commandNotFound, "no sh")))
        #expect(
            String(decoding: try LineCodec.encode(failed), as: UTF8.self)
                == "{\"failed\":{\"kind\":\"commandNotFound\",\"message\":\"no sh\"}}\n")
        #expect(try LineCodec.decode(ShimReadiness.self, from: try LineCodec.encode(failed)) == failed)
    }

    @Test("a kind of error that this build does not know is a plain failure")
    func unknownKind() throws {
        let fault = try LineCodec.decode(WireFault.self, from: Array(#"{"kind":"fromTheFuture","message":"m"}"#.utf8)).fault
        #expect(fault.kind == .failed && fault.reason == "m")
    }
}

@Suite struct LineBufferTests {
    @Test("lines come out whole, however they arrive")
    func pieces() throws {
        var buffer = LineBuffer()
        var lines: [String] = []
        for byte in Array("one\ntwo\n\nthr".utf8) {
            buffer.append([byte])
            while let line = try buffer.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        }
        #expect(lines == ["one", "two", ""])
        #expect(buffer.takeRest() == Array("thr".utf8))
    }

    @Test("a line that does not end is refused at the limit")
    func endless() throws {
        var buffer = LineBuffer()
        buffer.append(repeatElement(UInt8(ascii: "x"), count: LineCodec.lineBytesMax - 1))
        #expect(try buffer.next() == nil)
        buffer.append([UInt8(ascii: "x")])
        #expect(throws: Fault.self) { try buffer.next() }
    }

    @Test("a message that the other side would refuse is not sent")
    func tooLong() {
        let request = ShimRequest(id: 1, .execStatus(.init(exec: String(repeating: "x", count: LineCodec.lineBytesMax))))
        #expect(throws: Fault.self) { try LineCodec.encode(request) }
    }
}
