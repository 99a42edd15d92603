// ContainerRecord owns what is kept on disk about a container. Its status is not among it: that
// is asked of the kernel each time, so a record cannot be wrong about it.
import Cgroups
import Faults
import Linux
import OCISpec

package struct ContainerRecord: Sendable {
    /// The version of this format.
    static let formatVersion = 1

    var version = ContainerRecord.formatVersion
    package let id: String
    package let ociVersion: String
    package let bundle: String
    package let rootfs: String
    package let created: String
    package let owner: String
    package let annotations: [String: String]?
    /// Where its cgroup is; nil where it has none.
    let cgroup: CgroupRecord?
    /// Where its class of cache and memory bandwidth is; nil where it has none.
    let resctrl: ResctrlRecord?
    /// The two kinds of hooks that run after create.
    let poststart: [RuntimeSpec.Hook]?
    let poststop: [RuntimeSpec.Hook]?
    /// The kinds of namespaces that exec has to enter, as bits.
    let namespaces: UInt32
    /// True where the end of init does not end the others: it has no pid namespace of its own.
    let sharesPids: Bool?
    /// Where its file tree is attached, in a mount namespace that others use too; nil where it has one of its own.
    var rootPlace: String?
    /// Init; nil until it is ready and the container so created.
    var initProcess: InitProcess?
    /// Whether it came from images: init has executed nothing then and runs all the same.
    var isRestored: Bool?

    /// A process that no other can be mistaken for.
    struct InitProcess: Sendable, Hashable {
        let pid: Int32
        let startTicks: UInt64
    }

    /// What the kernel says about it now.
    /// - Parameter isFrozen: whether its cgroup is; asked only of a living one.
    package func status(isFrozen: () -> Bool) -> RuntimeStatus {
        guard let initProcess else { return .creating }
        guard let now = try? Procfs.status(of: initProcess.pid) /* no such process is the answer */ else { return .stopped }
        if now.hasEnded || now.startTicks != initProcess.startTicks { return .stopped }
        if isFrozen() { return .paused }
        return now.hasNotExecuted && isRestored != true ? .created : .running
    }

    /// The pid for the state document: none once it has ended.
    package func livePid(_ status: RuntimeStatus) -> Int32 {
        switch status {
        case .creating, .stopped: 0
        case .created, .running, .paused: initProcess?.pid ?? 0
        }
    }

    /// The state document that hooks read.
    func state(_ status: RuntimeStatus, pid: Int32?) -> RuntimeState {
        RuntimeState(ociVersion: ociVersion, id: id, status: status, pid: pid, bundle: bundle, annotations: annotations)
    }
}

// MARK: - On disk

extension ContainerRecord {
    /// Reads one line of a state file.
    init(_ members: JSONMembers) throws {
        version = try members.integer(needed: "version")
        id = try members.string(needed: "id")
        ociVersion = try members.string(needed: "ociVersion")
        bundle = try members.string(needed: "bundle")
        rootfs = try members.string(needed: "rootfs")
        created = try members.string(needed: "created")
        owner = try members.string(needed: "owner")
        annotations = try members.map("annotations")
        cgroup = try members.object("cgroup") { try CgroupRecord($0) }
        resctrl = try members.object("resctrl") { try ResctrlRecord($0) }
        poststart = try members.hooks("poststart")
        poststop = try members.hooks("poststop")
        namespaces = try members.integer(needed: "namespaces")
        sharesPids = try members.bool("sharesPids")
        rootPlace = try members.string("rootPlace")
        initProcess = try members.object("initProcess") {
            InitProcess(pid: try $0.integer(needed: "pid"), startTicks: try $0.integer(needed: "startTicks"))
        }
        isRestored = try members.bool("isRestored")
    }

    /// One line of a state file, without its end.
    var text: JSONObjectText {
        var text = JSONObjectText()
        text.add("version", integer: version)
        text.add("id", id)
        text.add("ociVersion", ociVersion)
        text.add("bundle", bundle)
        text.add("rootfs", rootfs)
        text.add("created", created)
        text.add("owner", owner)
        text.add("annotations", map: annotations)
        text.add("cgroup", object: cgroup?.text)
        text.add("resctrl", object: resctrl?.text)
        text.add("poststart", hooks: poststart)
        text.add("poststop", hooks: poststop)
        text.add("namespaces", integer: Int(namespaces))
        text.add("sharesPids", bool: sharesPids)
        text.add("rootPlace", rootPlace)
        if let initProcess {
            var process = JSONObjectText()
            process.add("pid", integer: Int(initProcess.pid))
            process.add("startTicks", integer: initProcess.startTicks)
            text.add("initProcess", object: process)
        }
        text.add("isRestored", bool: isRestored)
        return text
    }
}
