import CLICore
import Faults
import Flags
import OCISpec

/// The flags of `create` as a program of their own.
func options(_ words: String...) throws -> ContainerOptions {
    enum Act: Int, Sendable { case create }
    let program = Program(
        version: "", root: Verb("create", "Create", arity: .atLeast(1), endsAtArgument: true, action: Act.create, flags: ContainerFlags.common()))
    switch program.parse(words) {
    case .run(let invocation): return try ContainerOptions(invocation.arguments)
    case .misuse(let misuse): throw Fault(.invalidArgument, misuse.message)
    case .show, .write: throw Fault(.invalidArgument, "help was asked for")
    }
}

/// Why `body` fails; nil where it does not.
func reason(_ body: () throws -> Void) -> String? {
    do { try body() } catch let fault as Fault { return fault.reason } catch { return "\(error)" }
    return nil
}

func json(_ text: String) throws -> JSONValue { try JSON.decode(JSONValue.self, from: Array(text.utf8)) }
