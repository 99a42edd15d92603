import CLinux
import Faults
import Flags
import Linux
import OCISpec
import ShimCore
import ShimProtocol

// `logs` reads the log file itself: it works while the supervisor lives, after it, and without it.

/// The verb `logs`.
enum LogsCommand {
    private struct Record: Decodable {
        var log: String
        var stream: String?
        var time: String?
    }

    /// How often a followed log is looked at.
    private static let pollMilliseconds: CInt = 100

    static func run(_ arguments: Arguments) throws(Fault) -> Int32 {
        let socket = Paths.socket(arguments.positional[0])
        let status = try StatusCommand.current(socket)
        guard let path = status.log else { throw Fault(.unsupported, "the container keeps no log") }
        let stamps = arguments.bool("timestamps")
        for file in rotated(path) { try copy(file, stamps: stamps) { false } }
        // Asked before each look at the file: what was written before the end is then seen.
        let client = arguments.bool("follow") ? try? ShimClient(socket) : nil
        if let client { try client.ask(.subscribe) }
        try copy(path, stamps: stamps) {
            guard let client, !client.isClosed else { return false }
            var entry = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
            // Events are only read so that the end is seen.
            if poll(&entry, 1, pollMilliseconds) > 0 { try? client.receiveEvents() }
            _ = try? client.takeEvents()
            return true
        }
        return 0
    }

    /// Files that were put aside, oldest first.
    private static func rotated(_ path: String) -> [String] {
        var files: [String] = []
        while Files.exists("\(path).\(files.count + 1)") { files.append("\(path).\(files.count + 1)") }
        return files.reversed()
    }

    /// Prints the records of a file, then what is added while `more` says there may be; follows
    /// the name when another file takes it.
    private static func copy(_ path: String, stamps: Bool, while more: () -> Bool) throws(Fault) {
        do {
            var file = try Files.open(path)
            var lines = LineBuffer()
            var goesOn = true
            while goesOn {
                goesOn = more()
                try drain(file, &lines, stamps: stamps)
                if goesOn, let next = try replacement(of: file, path) {
                    try drain(file, &lines, stamps: stamps)
                    file = next
                }
            }
        } catch let error as Errno {
            throw Fault(error == .noEntry ? .notFound : .failed, error.description, errno: error.rawValue, trail: ["read \(path)"])
        } catch let error as Fault { throw error } catch { throw Fault(.failed, "\(error)") }
    }

    private static func drain(_ file: borrowing FileDescriptor, _ lines: inout LineBuffer, stamps: Bool) throws {
        while true {
            let bytes = try withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { buffer throws in
                Array(buffer[..<(try file.read(into: buffer))])
            }
            if bytes.isEmpty { break }
            lines.append(bytes)
            while let line = try lines.next() { show(line, stamps: stamps) }
        }
    }

    private static func replacement(of file: borrowing FileDescriptor, _ path: String) throws(Errno) -> FileDescriptor? {
        var named = stat()
        guard stat(path, &named) == 0, named.st_ino != (try file.status()).st_ino else { return nil }
        return try Files.open(path)
    }

    private static func show(_ line: [UInt8], stamps: Bool) {
        // A line that is no record was cut by a crash; the others stand.
        guard let record = try? JSON.decode(Record.self, from: line) else { return }
        let text = (stamps ? "\(record.time ?? "") " : "") + record.log
        Output.put(text, on: record.stream == "stderr" ? 2 : 1)
    }
}
