// NotifySocket owns the way of a program's `READY=1` (sd_notify(3)) to the service manager that
// called the runtime with NOTIFY_SOCKET. The manager's own socket never gets into the container:
//
//     program                          run, or start                     service manager
//        |-- READY=1 -- /run/notify/notify.sock -->|
//        |                                         |-- READY=1, MAINPID ----->|
//        |                                         |-- BARRIER=1 with a pipe ->| closes it when it has read all
//
// The container sees a read-only bind of a directory beside its record, so the program can neither
// replace the socket nor reach anything else; what it sends is read as at most one page, without
// descriptors, and nothing of it goes on but the fact that it is ready. The directory is made by
// create, the socket by whoever waits for the program: run, or start.
import CLinux
import Faults
import Linux
import OCISpec

package struct NotifySocket: ~Copyable {
    /// What the container has it mounted at.
    static let directoryInside = "/run/notify"
    static let fileName = "notify.sock"
    /// The most bytes of one datagram that are looked at.
    static let datagramBytesMax = 4_096
    /// How long the service manager may take to read what it was sent, in milliseconds.
    static let barrierMillisecondsMax: CInt = 30_000

    /// The service manager's address from the environment; nil where there is none.
    package static var managerAddress: String? {
        guard let text = getenv("NOTIFY_SOCKET"), text[0] != 0 else { return nil }
        return String(cString: text)
    }

    private let listener: FileDescriptor
    private let managerAddress: String

    /// The socket, readable when the program has said something.
    package var descriptor: CInt { listener.rawValue }

    /// Listens in `directory`, where create made it.
    init(in directory: String, managerAddress: String) throws(Fault) {
        let path = "\(directory)/\(NotifySocket.fileName)"
        self.managerAddress = managerAddress
        // One that an earlier start left when it was killed.
        unlink(path)
        // Any user of the container may say that it is ready; from the host nobody can walk to it.
        listener = try attempt("listen on \(path)") { () throws(Errno) in try DatagramSocket.bind(path, mode: 0o777) }
    }

    /// Makes the directory that the container gets.
    static func makeDirectory(_ path: String) throws(Fault) {
        try attempt("make \(path)") { () throws(Errno) in
            try call { mkdir(path, 0o755) }
            // Whatever the caller's mask is: the container's users have to walk through it.
            try call { chmod(path, 0o755) }
        }
    }

    /// The mount and the variable that tell the program.
    static func add(to spec: inout RuntimeSpec, directory: String) {
        let mount = RuntimeSpec.Mount(
            destination: directoryInside, type: "bind", source: directory, options: ["bind", "nosuid", "noexec", "nodev", "ro"])
        spec.mounts = (spec.mounts ?? []) + [mount]
        let others = (spec.process?.env ?? []).filter { !$0.hasPrefix("NOTIFY_SOCKET=") }
        spec.process?.env = others + ["NOTIFY_SOCKET=\(directoryInside)/\(fileName)"]
    }

    /// How many messages are read before others are looked after: the program may send without end.
    private static let datagramsMax = 32

    /// Reads what waits and, once the program is ready, says so to the service manager.
    /// - Parameter mainPid: the process that the service manager shall watch from then on.
    /// - Returns: whether it was ready.
    package borrowing func forward(mainPid: pid_t, waitsForManager: Bool) throws(Fault) -> Bool {
        for _ in 0..<NotifySocket.datagramsMax {
            guard let datagram = try attempt("read from the notify socket", { () throws(Errno) in
                try DatagramSocket.receive(limit: NotifySocket.datagramBytesMax, on: listener)
            }) else { return false }
            let lines = datagram.split(separator: UInt8(ascii: "\n"))
            guard lines.contains(where: { $0.elementsEqual("READY=1".utf8) }) else { continue }
            try attempt("notify \(managerAddress)") { () throws(Errno) in
                let manager = try DatagramSocket.connect(managerAddress)
                try UnixSocket.send(Array("READY=1\n".utf8), descriptors: [], on: manager)
                try UnixSocket.send(Array("MAINPID=\(mainPid)\n".utf8), descriptors: [], on: manager)
                if waitsForManager { try waitUntilRead(by: manager) }
            }
            return true
        }
        return false
    }

    /// Messages of a process that is gone are worth nothing to a service manager that has not read
    /// them yet: it could not tell whose they were. So the sender waits until its end of a pipe is closed.
    private borrowing func waitUntilRead(by manager: borrowing FileDescriptor) throws(Errno) {
        let (reading, writing) = try FileDescriptor.pipe().split()
        let end = FileDescriptor(owning: reading)
        let given = FileDescriptor(owning: writing)
        try UnixSocket.send(Array("BARRIER=1".utf8), descriptors: [given.rawValue], on: manager)
        _ = consume given
        var polls = pollfd(fd: end.rawValue, events: Int16(POLLIN), revents: 0)
        try call { poll(&polls, 1, NotifySocket.barrierMillisecondsMax) }
    }

    /// Waits until the program has said that it is ready, or has ended.
    package borrowing func waitUntilReady(_ pid: pid_t, _ process: borrowing Pidfd) throws(Fault) {
        while true {
            var polls = [
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: process.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
            ]
            try attempt("wait for the program") { () throws(Errno) in try call { poll(&polls, 2, -1) } }
            if polls[0].revents != 0, try forward(mainPid: pid, waitsForManager: true) { return }
            if polls[1].revents != 0 { return }
        }
    }
}

extension Container {
    /// The socket of a start that a service manager called; nil where create was not told of one.
    func notifySocket() throws(Fault) -> NotifySocket? {
        guard let address = NotifySocket.managerAddress else { return nil }
        let directory = store.notifyDirectory(record.id)
        guard Files.exists(directory) else { return nil }
        return try NotifySocket(in: directory, managerAddress: address)
    }
}
