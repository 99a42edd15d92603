// cais: reads the command line, does one thing through the Engine API, and ends with docker's code.
import CLICore
import Faults
import Flags
import Linux

switch CommandTable.program.parse(CommandLine.arguments.dropFirst()) {
case .show(let text): Output.text(text)
case .misuse(let misuse):
    Output.error(misuse.text)
    Process.end(misuse.exitCode)
case .write(let directory, let pages): Process.end(Process.writePages(pages, into: directory))
case .run(let invocation): Process.end(Process.carryOut(invocation))
}
