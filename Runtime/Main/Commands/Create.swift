// create and run: from a bundle to a container.
import Faults
import Flags
import CLinux
import Linux
import OCISpec
import RuntimeCore

extension CreateOptions {
    /// The flags that create, run and exec share.
    init(_ arguments: Arguments, _ settings: Settings) throws(Fault) {
        self.init()
        consoleSocketPath = arguments.optional("console-socket")
        pidFile = arguments.optional("pid-file")
        pidfdSocketPath = arguments.optional("pidfd-socket")
        passed = try PassedDescriptors(preserved: Int(arguments.uint("preserve-fds") ?? 0))
        cgroupTolerance = settings.cgroupTolerance
    }
}

private func creationOptions(_ arguments: Arguments, _ settings: Settings) throws(Fault) -> CreateOptions {
    var options = try CreateOptions(arguments, settings)
    options.notifyAddress = NotifySocket.managerAddress
    options.noPivot = arguments.bool("no-pivot")
    options.noNewKeyring = arguments.bool("no-new-keyring")
    return options
}

func create(_ arguments: Arguments, _ settings: Settings) throws(Fault) {
    try OwnBinary.protect()
    let bundle = try Bundle(path: arguments.optional("bundle") ?? ".")
    let creation = try Creation(
        id: arguments.positional[0], bundle: bundle, options: try creationOptions(arguments, settings), store: settings.store,
        journal: settings.journal)
    _ = try creation.run(waits: true)
}

func run(_ arguments: Arguments, _ settings: Settings) throws(Fault) -> Int32 {
    try OwnBinary.protect()
    let id = arguments.positional[0]
    let bundle = try Bundle(path: arguments.optional("bundle") ?? ".")
    var options = try creationOptions(arguments, settings)
    let isDetached = arguments.bool("detach")
    if isDetached {
        let creation = try Creation(id: id, bundle: bundle, options: options, store: settings.store, journal: settings.journal)
        var created = try creation.run(waits: false)
        try Container(created, store: settings.store, journal: settings.journal).runPoststart()
        if let notify = created.takeNotifySocket() { try notify.waitUntilReady(created.initPid, created.initProcess) }
        return 0
    }
    let holdsTerminal = (bundle.spec.process?.terminal ?? false) && options.consoleSocketPath == nil
    let foreground = try Foreground(hasTerminal: holdsTerminal, console: &options.consoleDescriptor, isSubreaper: !arguments.bool("no-subreaper"))
    let creation = try Creation(id: id, bundle: bundle, options: options, store: settings.store, journal: settings.journal)
    var created = try creation.run(waits: false)
    let container = Container(created, store: settings.store, journal: settings.journal)
    var failure: Fault?
    do throws(Fault) { try container.runPoststart() } catch { failure = error }
    let status = try foreground.wait(for: created.initPid, created.initProcess, notify: created.takeNotifySocket())
    // A container that a hook has ended is gone.
    if let failure { throw failure }
    if !arguments.bool("keep") { try container.destroyAfterEnd() }
    return status.shellCode
}
