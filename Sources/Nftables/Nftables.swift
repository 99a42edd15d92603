import CNftables
import Faults
import Synchronization

/// A connection to the kernel's packet filter through libnftables, in this process. A script is
/// one transaction: all of it happens or none. It composes no rule; see ``NftScript``.
///
/// Needs CAP_NET_ADMIN in the user namespace that owns the network namespace, and acts on the
/// network namespace of the thread that made it.
package final class Nftables: Sendable {
    /// A libnftables context serves one caller at a time.
    private let context: Mutex<Context>

    /// The library's state, freed with its owner.
    private struct Context: ~Copyable, @unchecked Sendable {
        // Safe because it is reached only through the mutex that holds it.
        let pointer: OpaquePointer
        deinit { nft_ctx_free(pointer) }
    }

    /// Opens the library.
    package init() throws(Fault) {
        guard let pointer = nft_ctx_new(UInt32(NFT_CTX_DEFAULT)) else {
            throw Fault(.failed, "libnftables gives no context", trail: ["open nftables"])
        }
        // Errors come as text in a buffer instead of on stderr; output is numbers, not names.
        nft_ctx_buffer_error(pointer)
        nft_ctx_buffer_output(pointer)
        // Listings leave elements out: they are asked for to see whether rules are there.
        nft_ctx_output_set_flags(pointer, UInt32(NFT_CTX_OUTPUT_NUMERIC_ALL | NFT_CTX_OUTPUT_TERSE))
        context = Mutex(Context(pointer: pointer))
    }

    /// Runs a script as one transaction and returns what its `list` commands printed.
    /// - Throws: `notFound` where a table, chain or element is missing, else `failed`, with the library's first sentence.
    @discardableResult
    package func run(_ script: NftScript) throws(Fault) -> String {
        let (status, output, errors) = context.withLock { context in
            let status = nft_run_cmd_from_buffer(context.pointer, script.text)
            // Reading a buffer empties it; both are read so that nothing is left for the next script.
            return (
                status, nft_ctx_get_output_buffer(context.pointer).map { String(cString: $0) } ?? "",
                nft_ctx_get_error_buffer(context.pointer).map { String(cString: $0) } ?? ""
            )
        }
        if status == 0 { return output }
        throw Nftables.refusal(errors)
    }

    /// Reads the library's report: its first line ends in the kernel's or the parser's sentence.
    static func refusal(_ errors: String) -> Fault {
        let line = errors.split(separator: "\n").first.map(String.init) ?? "no reason given"
        let meanings: [(String, FaultKind)] = [
            ("No such file or directory", .notFound), ("File exists", .conflict), ("Operation not permitted", .forbidden),
        ]
        let kind = meanings.first { line.contains($0.0) }?.1 ?? .failed
        let reason = line.firstRange(of: "Error: ").map { String(line[$0.upperBound...]) } ?? line
        return Fault(kind, reason, trail: ["change packet filter"])
    }
}
