// ps: what the host's ps says about the processes of a container.
import CLinux
import Faults
import Flags
import Linux
import RuntimeCore

func listProcesses(_ arguments: Arguments, _ settings: Settings) throws(Fault) {
    let container = try Container(arguments.positional[0], store: settings.store, journal: settings.journal)
    let pids = try container.processes()
    let options = Array(arguments.positional.dropFirst())
    switch arguments.string("format") {
    case "json": try printJSON(pids, pretty: false)
    case "table":
        guard let program = HostPs.path else {
            guard options.isEmpty else { throw Fault(.unsupported, "ps options are for the host's ps, which is not installed") }
            return printTable([["PID", "CMD"]] + pids.map { [String($0), printable(Procfs.commandLine(of: $0))] })
        }
        let table = try HostPs.run(program, options.isEmpty ? ["-ef"] : options)
        print(try HostPs.lines(of: table, about: Set(pids)).joined(separator: "\n"))
    case let other: throw Fault(.invalidArgument, "invalid format option: \(other)")
    }
}

/// Without control characters: a process of a container chooses its words, and they must not make rows or move the cursor.
private func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
}

enum HostPs {
    /// The most bytes of its table.
    private static let bytesMax = 64 << 20

    /// Where it is; nil where it is not installed.
    static var path: String? { ["/usr/bin/ps", "/bin/ps"].first { access($0, X_OK) == 0 } }

    /// What it prints with these options.
    static func run(_ program: String, _ options: [String]) throws(Fault) -> String {
        let (bytes, status): ([UInt8], ExitStatus)
        do throws(Errno) {
            let (reading, writing) = try FileDescriptor.pipe().split()
            let output = FileDescriptor(owning: reading)
            let input = FileDescriptor(owning: writing)
            let child = try Spawn.start(program, options, descriptors: [.init(input.rawValue, as: 1), .init(2, as: 2)])
            _ = consume input
            bytes = try output.readAll(limit: bytesMax)
            var word: CInt = 0
            try call { waitpid(child, &word, 0) }
            status = ExitStatus(waitStatus: word)
        } catch { throw Fault(.failed, "run \(program): \(error)") }
        guard status == .exited(code: 0) else { throw Fault(.invalidArgument, "ps \(options.joined(separator: " ")) failed") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The heading and the lines about `pids`, found by the column that is headed PID.
    static func lines(of table: String, about pids: Set<pid_t>) throws(Fault) -> [Substring] {
        let lines = table.split(whereSeparator: \.isNewline)
        guard let heading = lines.first, let column = heading.split(separator: " ").firstIndex(of: "PID") else {
            throw Fault(.invalidArgument, "no PID column in what ps prints")
        }
        return [heading] + lines.dropFirst().filter { line in
            let fields = line.split(separator: " ", maxSplits: column + 1)
            return fields.count > column && pid_t(fields[column]).map { pids.contains($0) } ?? false
        }
    }
}
