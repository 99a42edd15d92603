import CLinux
import Faults
import Flags

// cais-shim: one verb per file in Commands; this only reads the command line and ends the program.

exit(runCommandLine(Array(CommandLine.arguments.dropFirst())))

/// Reads the command line and does what it asks.
/// - Returns: the program's exit code.
func runCommandLine(_ words: [String]) -> Int32 {
    var supervised: Int32?
    let code = report { () throws(Fault) in
        supervised = try RunCommand.superviseDirectly(words)
        return 0
    }
    if let supervised { return supervised }
    if code != 0 { return code }
    switch commandLine.parse(words) {
    case .show(let text):
        Output.put(text)
        return 0
    case .misuse(let misuse):
        complain(misuse.text)
        return 125
    case .write(let directory, let pages):
        return report { () throws(Fault) in
            for page in pages { try writePage(page, into: directory) }
            return 0
        }
    case .run(let invocation):
        let arguments = invocation.arguments
        return report { () throws(Fault) in
            switch invocation.action(as: ShimAction.self) {
            case .run: try RunCommand.run(arguments)
            case .status: try StatusCommand.run(arguments)
            case .start: try StartCommand.run(arguments)
            case .logs: try LogsCommand.run(arguments)
            case .attach: try AttachCommand.run(arguments)
            case .exec: try ExecCommand.run(arguments)
            case .signal: try SignalCommand.run(arguments)
            case .stop: try StopCommand.run(arguments)
            }
        }
    }
}

/// Runs `body`; what it throws becomes one line and the code that its kind stands for.
func report(_ body: () throws(Fault) -> Int32) -> Int32 {
    do throws(Fault) {
        return try body()
    } catch {
        complain("cais-shim: \(error)")
        return error.kind.exitCode
    }
}

/// Writes a line to standard error.
func complain(_ text: String) { Output.put(text + "\n", on: 2) }
