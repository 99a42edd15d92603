// One input: bytes that claim to be the process of `exec --process`. Reading them ends, with a value or a fault, both ways of
// reading agree, and everything that exec decides about it before it enters a container is decided.
import Faults
import Linux
import OCISpec
@testable import RuntimeCore

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    var read: RuntimeSpec.Process?
    do { read = try JSON.decode(RuntimeSpec.Process.self, from: bytes) } catch { precondition(error.kind == .invalidArgument || error.kind == .tooLarge) }
    // The bytes are also a password file, of which nothing but a home directory comes out.
    if let home = UserDatabase.home(of: 0, in: bytes) { precondition(home.hasPrefix("/") && !home.contains("\n") && !home.contains(":")) }
    guard let read else { return 0 }
    do {
        let again = try JSON.decode(RuntimeSpec.Process.self, from: JSON.encode(read), limits: JSONLimits(bytesMax: 1 << 30))
        precondition(again == read, "what was written is not what was read")
    } catch { preconditionFailure("what was read cannot be written and read again: \(error)") }
    do throws(Fault) { try Validation.check(read) } catch { return 0 }
    precondition(read.cwd.hasPrefix("/") && !(read.args ?? []).isEmpty && (read.user?.uid ?? 0) < 1 << 31 && (read.user?.gid ?? 0) < 1 << 31)
    precondition((read.args ?? []).allSatisfy { !$0.utf8.contains(0) } && (read.env ?? []).allSatisfy { !$0.utf8.contains(0) })
    let plan = CapabilityPlan.make(read.capabilities, held: CapabilitySet(rawValue: .max))
    precondition(plan.effective.isSubset(of: plan.permitted), "what the kernel refuses is left out")
    return 0
}
