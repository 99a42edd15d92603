// cais-runtime: an OCI runtime with runc's command line. Here the words are parsed and an error
// gets its one line; what a verb does is in Commands.
import CLinux
import Flags
import RuntimeCore

private func run() -> Int32 {
    switch CommandTable.program.parse(CommandLine.arguments.dropFirst()) {
    case .show(let text):
        print(text, terminator: "")
        return 0
    case .write(let directory, let pages):
        return writePages(directory, pages)
    case .misuse(let misuse):
        Journal.standardError(misuse.text)
        return misuse.exitCode
    case .run(let invocation):
        return execute(invocation)
    }
}

exit(run())
