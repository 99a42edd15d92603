import CLICore
import EngineAPI
import Faults
import Flags
import Glibc
import Linux
import OCISpec

// run and create.
extension Commands {
    static func createContainer(_ context: Context) throws(Fault) -> Int32 {
        let options: ContainerOptions
        do throws(Fault) { options = try ContainerOptions(context.arguments) } catch { return helpful(error, "create", code: 125) }
        Output.line(try create(context, options))
        return 0
    }

    static func runContainer(_ context: Context) throws(Fault) -> Int32 {
        let arguments = context.arguments
        let isDetached = arguments.bool("detach")
        let options: ContainerOptions
        do throws(Fault) { options = try ContainerOptions(arguments, isDetached: isDetached) } catch { return helpful(error, "run", code: 125) }
        if isDetached, !arguments.strings("attach").isEmpty {
            throw Fault(.invalidArgument, "conflicting options: cannot specify both --attach and --detach")
        }
        if !isDetached { try TerminalCheck.require(tty: options.request.config.tty, stdin: options.request.config.attachStdin) }
        do throws(Fault) {
            let id = try create(context, options)
            return try isDetached ? runDetached(context, id) : RunSession(context: context, options: options, id: id).run()
        } catch { return helpful(error, "run", code: ExitCode.of(startFailure: error.description)) }
    }

    private static func runDetached(_ context: Context, _ id: String) throws(Fault) -> Int32 {
        try context.client.perform(Request("POST", "/containers/\(id)/start"))
        Output.line(id)
        return 0
    }

    /// Creates the container and, for an image that the engine does not have, asks it to pull first.
    private static func create(_ context: Context, _ options: ContainerOptions) throws(Fault) -> String {
        let arguments = context.arguments
        let pull = arguments.string("pull")
        let idFile = arguments.string("cidfile")
        if !idFile.isEmpty, access(idFile, F_OK) == 0 {
            throw Fault(.conflict, "container ID file found, make sure the other container isn't running or delete \(idFile)")
        }
        var query: [(name: String, value: String)] = []
        if !options.name.isEmpty { query.append(("name", options.name)) }
        if !options.platform.isEmpty { query.append(("platform", options.platform)) }
        let request = try EngineClient.json("POST", "/containers/create", query: query, options.request)
        if pull == "always" { try pullImage(context, options) }
        let answer: ContainerCreateResponse
        do throws(Fault) { answer = try context.client.call(request) } catch {
            guard error.kind == .notFound, pull == "missing", error.reason.contains("No such image") else { throw error }
            let reference = try ImageReference(parsing: options.request.config.image).withDefaultTag
            if !arguments.bool("quiet") { Output.error("Unable to find image '\(reference.familiar)' locally") }
            try pullImage(context, options)
            answer = try context.client.call(request)
        }
        for warning in answer.warnings { Output.error("WARNING: \(warning)") }
        if !idFile.isEmpty {
            do throws(Errno) { try Files.replace(idFile, with: answer.id.utf8, mode: 0o644, durable: false) } catch {
                throw Fault(.failed, "write the container ID to \(idFile): \(error)", errno: error.rawValue)
            }
        }
        return answer.id
    }

    private static func pullImage(_ context: Context, _ options: ContainerOptions) throws(Fault) {
        let reference = try ImageReference(parsing: options.request.config.image).withDefaultTag
        var query: [(name: String, value: String)] = [("fromImage", reference.canonicalName), ("tag", reference.digest.map { "\($0)" } ?? reference.tag ?? ImageReference.defaultTag)]
        if !options.platform.isEmpty { query.append(("platform", options.platform)) }
        let exchange = try context.client.stream(Request("POST", "/images/create", query: query))
        var printer = ProgressPrinter(terminalWidth: nil, quiet: context.arguments.bool("quiet"), to: STDERR_FILENO)
        while let piece = try exchange.next() { try printer.push(piece) }
    }

    /// docker's way of saying that `run` or `create` did not work.
    static func helpful(_ error: Fault, _ verb: String, code: Int32) -> Int32 {
        Output.error("cais: \(error)\n\nRun 'cais \(verb) --help' for more information")
        return code
    }
}

/// Exit codes that say why a container did not start, as docker reads them from the engine's words.
enum ExitCode {
    static func of(startFailure text: String) -> Int32 {
        if text.contains("executable file not found") || text.contains("no such file or directory") { return 127 }
        if text.contains("permission denied") || text.contains("is a directory") { return 126 }
        return 125
    }
}

/// `-it` needs a terminal to read from.
enum TerminalCheck {
    static func require(tty: Bool, stdin: Bool) throws(Fault) {
        guard tty, stdin, !Terminal.isTerminal(STDIN_FILENO) else { return }
        throw Fault(.invalidArgument, "the input device is not a TTY")
    }
}

/// An attached `run`: attach, wait, start, copy, and the container's own exit code.
struct RunSession {
    let context: Context
    let options: ContainerOptions
    let id: String

    func run() throws(Fault) -> Int32 {
        let config = options.request.config
        let arguments = context.arguments
        let keys = arguments.string("detach-keys")
        var query: [(name: String, value: String)] = [("stream", "1")]
        if config.attachStdin { query.append(("stdin", "1")) }
        if config.attachStdout { query.append(("stdout", "1")) }
        if config.attachStderr { query.append(("stderr", "1")) }
        if !keys.isEmpty { query.append(("detachKeys", keys)) }
        let attached = AttachedContainer(
            client: context.client, id: id, isTerminal: config.tty, forwardsStdin: config.attachStdin,
            keys: try keys.isEmpty ? .standard : DetachKeys(parsing: keys), proxiesSignals: arguments.bool("sig-proxy"))
        let condition = options.request.hostConfig.autoRemove ? "removed" : "next-exit"
        return try attached.run(attachQuery: query, waitCondition: condition)
    }
}
