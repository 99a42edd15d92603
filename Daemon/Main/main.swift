// caisd: reads its configuration, claims its places, starts the engine, and ends on a signal. The
// first thread does nothing but wait for signals; everything else runs on other threads.
import Archive
import CLinux
import Containers
import Faults
import Flags

// Before any other thread exists: the worker confines itself, and that holds for one thread only.
if CommandLine.arguments.count >= 2, CommandLine.arguments[1] == "unpack-worker" {
    exit(runUnpackWorker(arguments: Array(CommandLine.arguments.dropFirst(2))))
}

switch caisd.parse(CommandLine.arguments.dropFirst()) {
case .show(let text):
    print(text, terminator: "")
case .write(let directory, let pages):
    exit(writeManual(pages, directory))
case .misuse(let misuse):
    complain(misuse.text)
    exit(misuse.exitCode)
case .run(let invocation):
    switch invocation.action(as: DaemonAction.self) {
    case .serve: serve(invocation.arguments)
    case .crashPoints: for point in CrashPoint.allCases { print(point.rawValue) }
    case .validate: validate(invocation.global)
    }
}
