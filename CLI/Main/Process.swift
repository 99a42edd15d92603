import CLICore
import Faults
import Flags
import Glibc
import Linux

/// The way in and out of the program: environment, errors on one line, exit codes.
enum Process {
    /// Ends the program.
    static func end(_ code: Int32) -> Never { exit(code) }

    /// Runs a verb and says what went wrong with it.
    static func carryOut(_ invocation: Invocation) -> Int32 {
        do throws(Fault) {
            let endpoint = try Endpoint.choose(
                flags: invocation.global.strings("host"), environment: Environment.get,
                exists: { access($0, F_OK) == 0 })
            let client = try EngineClient(endpoint: endpoint, version: Environment.get("DOCKER_API_VERSION"))
            return try Commands.run(Context(client: client, arguments: invocation.arguments, action: invocation.action()))
        } catch {
            Output.error(error.description)
            return 1
        }
    }

    /// Writes the manual.
    static func writePages(_ pages: [ManualPage], into directory: String) -> Int32 {
        do throws(Errno) {
            try Files.makeDirectories(directory)
            for page in pages { try Files.replace("\(directory)/\(page.fileName)", with: page.text.utf8, mode: 0o644, durable: false) }
            return 0
        } catch {
            Output.error("write the manual into \(directory): \(error)")
            return 1
        }
    }
}

/// What a verb works with.
struct Context {
    /// The engine.
    let client: EngineClient
    /// What was said to the verb.
    let arguments: Arguments
    /// Which verb it is.
    let action: Action

    /// Prints the names for which `body` works and the errors for which it does not; 1 if any.
    /// - Parameter forgivesMissing: what is not there is still said, but counts as done (`rm -f`).
    func forEach(
        _ names: [String], prints: Bool = true, forgivesMissing: Bool = false, _ body: (String) throws(Fault) -> Void
    ) -> Int32 {
        var failures: [String] = []
        for name in names {
            do throws(Fault) {
                try body(name)
                if prints { Output.line(name) }
            } catch {
                if forgivesMissing, error.kind == .notFound { Output.error(error.description) } else { failures.append(error.description) }
            }
        }
        for failure in failures { Output.error(failure) }
        return failures.isEmpty ? 0 : 1
    }
}
