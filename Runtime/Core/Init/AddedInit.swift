// AddedInit owns the way of an added process from clone3(2) to execve(2): into the namespaces of
// a container that may be hostile, so nothing of the host may be open in it or readable from it.
import CLinux
import Cgroups
import Faults
import Linux
import OCISpec
import Seccomp

struct AddedInit: ~Copyable {
    var process: RuntimeSpec.Process
    let options: CreateOptions
    let id: String
    let kinds: NamespaceSet
    /// Whether a stage has joined the cgroup and the user namespace already.
    let isStaged: Bool
    /// What went wrong before there was anybody to tell.
    let scoreWarning: String?
    /// The container's init.
    let live: LiveInit
    /// The container's root, where it is not that of its mount namespace.
    let root: CInt?
    /// The way into the container's cgroup.
    let entrance: CgroupEntrance?
    let filter: SeccompFilter?
    let consoleSocket: CInt?
    let personality: RuntimeSpec.Linux.Personality?
    let memoryPolicy: MemoryPolicyPlan?
    let socket: HandshakeSocket

    /// Goes the whole way; whatever fails is told to the runtime.
    consuming func run() -> Never {
        do throws(Fault) { try becomeProgram() } catch {
            // The runtime that does not hear it is gone.
            try? socket.send(.failed(error))
        }
        _exit(1)
    }

    private mutating func becomeProgram() throws(Fault) -> Never {
        let goesOn = try attempt("wait for the runtime") { () throws(Errno) in try socket.waitForProceed() }
        guard goesOn else { _exit(1) }
        if !isStaged { try attempt("join cgroup") { () throws(Errno) in try entrance?.enter() } }
        // The runtime that does not hear it is gone, and the next message will see that.
        if let scoreWarning { try? socket.send(.warning(scoreWarning)) }
        try Scheduling.keep(to: process.execCPUAffinity?.final, "final")
        let labels = try LabelFiles(process)
        let entered = kinds.subtracting(isStaged ? [.pid, .user] : .pid)
        if !entered.isEmpty {
            try attempt("join the container's namespaces") { () throws(Errno) in try Namespaces.enter(entered, of: live.process) }
        }
        if let root { try RootTree.becomeRoot(root) }
        if entered.contains(.user) { try Identity.becomeNamespaceRoot() }
        try attempt("start session") { () throws(Errno) in try Identity.startSession() }
        // Before the terminal is made, which belongs to the user.
        if let name = options.userName {
            var user = process.user ?? RuntimeSpec.User()
            try UserDatabase.resolve(name, into: &user)
            process.user = user
            try Validation.check(process)
        }
        if process.terminal ?? false, let consoleSocket {
            let root = try attempt("open /") { () throws(Errno) in try Files.open("/", flags: O_PATH | O_DIRECTORY) }
            let terminal = try Console.make(root: root, process: process, socket: consoleSocket, isForeground: options.consoleDescriptor != nil)
            try Console.take(terminal.rawValue)
        }
        SignalState.reset()
        let speaker = HandshakeSocket(descriptor: try attempt("dup") { () throws(Errno) in try socket.descriptor.duplicate() })
        let setup = ProcessSetup(
            process: process, filter: filter, passed: options.passed,
            keptDescriptors: [socket.descriptor.rawValue, speaker.descriptor.rawValue],
            keyring: options.noNewKeyring ? nil : id, personality: personality,
            memoryPolicy: memoryPolicy,
            warn: { text in try? speaker.send(.warning(text)) /* the runtime is gone: nobody to warn */ })
        let program = try setup.prepare(labels)
        try attempt("report") { () throws(Errno) in try socket.send(.ready) }
        try setup.become(program)
    }
}
