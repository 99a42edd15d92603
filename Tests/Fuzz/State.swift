// One input: bytes in the place of a container's state file. Reading them ends, with a record or a fault; a record is about the
// container asked for, its paths are beneath their mount points and its pid can be one; whoever looks at it gets an answer.
import CLinux
@testable import Cgroups
import Faults
import Linux
import OCISpec
@testable import RuntimeCore

let store: StateStore = {
    let root = "/dev/shm/cais-fuzz-\(getpid())"
    _ = mkdir(root, 0o700)
    _ = mkdir(root + "/fuzz", 0o700)
    return StateStore(root: root)
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let path = store.root + "/fuzz/state.json"
    let number = cais_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    var end = UInt8(ascii: "\n")
    // With the end of its line, as a file that was written to its end has it.
    precondition(number >= 0 && write(number, start, count) == count && write(number, &end, 1) == 1)
    close(number)
    let record: ContainerRecord
    do { record = try store.record("fuzz") } catch {
        precondition(!error.description.isEmpty)
        return 0
    }
    precondition(record.id == "fuzz" && (record.initProcess?.pid ?? 2) > 1)
    for place in record.cgroup?.places ?? [] { precondition(place.isBeneathItsMountPoint) }
    let status = record.status(isFrozen: { false })
    precondition(record.livePid(status) >= 0)
    // What hooks read, and what a mount of the cgroups shows.
    precondition((try? JSON.encode(record.state(status, pid: record.livePid(status)))) != nil)
    _ = CgroupView(record.cgroup)
    // Written again it is the same: what `start` and the shim read next is what was read here.
    do {
        try store.write(record)
        let again = try store.record("fuzz")
        precondition(again.initProcess == record.initProcess)
    } catch { preconditionFailure("what was read cannot be written and read again: \(error)") }
    _ = unlink(path)
    return 0
}
