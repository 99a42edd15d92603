// ContainerCgroup owns the container's cgroup as the runtime uses it.
import CLinux
import Faults
import Linux

struct ContainerCgroup {
    let path: String
    func openJoinFiles() throws(Fault) -> [CInt] { [] }
    var view: CgroupView? { nil }
    var isFrozen: Bool { false }
    func processes() throws(Fault) -> [pid_t] { [] }
    func killAll() throws(Fault) {}
    func freeze(_ on: Bool) throws(Fault) {}
    func remove() throws(Fault) {}
}
