// OverlayMount owns putting layers and a writable directory together at a path, by the kernel's new
// mount calls where they take one layer at a time, else by mount(2).
import CLinux
import Faults
import Linux

/// What an overlay mount is made of.
package struct OverlayPlan: Sendable, Hashable {
    /// The read-only trees, the topmost first; at least one.
    package var lower: [String]
    /// Where changes go.
    package var upper: String
    /// The kernel's own scratch directory beside it.
    package var work: String

    /// The most layers of one mount, by the kernel.
    package static let layersMax = 500
    /// The longest value of one option of fsconfig(2) in bytes, its end included.
    static let optionBytesMax = 256
    /// The longest option string of mount(2) in bytes, its end included.
    static let optionsBytesMax = 4_096

    /// Options that do not depend on how the kernel was built: nothing of an image can redirect a
    /// look-up, and a rename copies instead of leaving attributes behind.
    static let settings = [("index", "off"), ("metacopy", "off"), ("redirect_dir", "nofollow")]

    package init(lower: [String], upper: String, work: String) {
        self.lower = lower
        self.upper = upper
        self.work = work
    }
}

/// Mounts and unmounts overlays. Needs CAP_SYS_ADMIN; all calls block.
package enum OverlayMount {
    /// How the layers are told to the kernel.
    enum Method: CaseIterable {
        /// One `lowerdir+` each (kernel 6.5).
        case oneByOne
        /// All in mount(2)'s option string, as short names of open descriptors.
        case optionString
    }

    /// The number of overlayfs in statfs(2).
    static let fileSystemType = 0x794c_7630

    /// Mounts `plan` at `path`, which is a directory; done where an overlay is mounted already.
    package static func mount(_ plan: OverlayPlan, at path: String) throws(Fault) {
        switch try mounted(at: path) {
        case .overlay: return
        case .other: throw Fault(.conflict, "something else is mounted at \(path)")
        case .nothing: break
        }
        guard plan.lower.count <= OverlayPlan.layersMax else {
            throw Fault(.unsupported, "\(plan.lower.count) layers are more than the kernel's \(OverlayPlan.layersMax)")
        }
        do throws(OverlayFailure) { try mount(plan, at: path, .oneByOne) } catch {
            // EINVAL is also how an older kernel answers an option it does not know.
            guard error.errno == .invalid || error.errno == .noSystemCall else { throw fault(path, error) }
            do throws(OverlayFailure) { try mount(plan, at: path, .optionString) } catch { throw fault(path, error) }
        }
    }

    /// Unmounts what is mounted at `path`; done where nothing is, or no such path.
    package static func unmount(_ path: String) throws(Fault) {
        // Mounts may be stacked by an earlier mistake: take all of them, but not for ever.
        for _ in 0..<16 {
            if umount2(path, CInt(UMOUNT_NOFOLLOW)) == 0 { continue }
            let error = Errno.current
            if error == .invalid || error == .noEntry { return }
            // Somebody still has a file open: out of the tree now, gone when they let go.
            if error == .busy, umount2(path, CInt(UMOUNT_NOFOLLOW | MNT_DETACH)) == 0 { continue }
            throw Fault(.failed, "unmount \(path): \(error)", errno: error.rawValue)
        }
        throw Fault(.failed, "unmount \(path): there is always one more mount")
    }

    /// What is mounted exactly at a path.
    enum Mounted { case nothing, overlay, other }

    static func mounted(at path: String) throws(Fault) -> Mounted {
        var information = statx()
        guard statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &information) == 0 else {
            throw snapshotFault("look at \(path)", Errno.current)
        }
        guard information.stx_attributes & UInt64(STATX_ATTR_MOUNT_ROOT) != 0 else { return .nothing }
        var system = statfs()
        guard statfs(path, &system) == 0 else { throw snapshotFault("look at \(path)", Errno.current) }
        return Int(system.f_type) == fileSystemType ? .overlay : .other
    }

    static func mount(_ plan: OverlayPlan, at path: String, _ method: Method) throws(OverlayFailure) {
        switch method {
        case .oneByOne:
            let held = try ShortNames(plan.lower + [plan.upper, plan.work])
            var parameters = held.names.dropLast(2).map { Mount.Parameter.value("lowerdir+", $0) }
            parameters.append(.value("upperdir", held.names[held.names.count - 2]))
            parameters.append(.value("workdir", held.names[held.names.count - 1]))
            parameters += OverlayPlan.settings.map { .value($0.0, $0.1) }
            let tree = try make(parameters)
            do { try Mount.attach(tree, path: path) } catch { throw OverlayFailure(errno: error, message: "attach") }
        case .optionString:
            let held = try ShortNames(plan.lower + [plan.upper, plan.work], always: true)
            var options = "lowerdir=" + held.names.dropLast(2).joined(separator: ":")
            options += ",upperdir=\(held.names[held.names.count - 2]),workdir=\(held.names[held.names.count - 1])"
            // Settings that an old kernel may lack are its defaults there.
            options += ",index=off"
            guard options.utf8.count < OverlayPlan.optionsBytesMax else { throw OverlayFailure(errno: .tooBig, message: "too many layers for this kernel") }
            do { try call { CLinux.mount("overlay", path, "overlay", 0, options) } } catch { throw OverlayFailure(errno: error, message: nil) }
        }
    }

    private static func make(_ parameters: [Mount.Parameter]) throws(OverlayFailure) -> FileDescriptor {
        do { return try Mount.make(type: "overlay", source: "overlay", parameters: parameters) } catch {
            throw OverlayFailure(errno: error.errno, message: error.message)
        }
    }

    private static func fault(_ path: String, _ error: OverlayFailure) -> Fault {
        let words = error.message.map { "\(error.errno) (\($0))" } ?? "\(error.errno)"
        return Fault(error.errno == .noSpace ? .noSpace : .failed, "mount overlay at \(path): \(words)", errno: error.errno.rawValue)
    }
}

/// Why the kernel did not mount, with its own words where it had any.
struct OverlayFailure: Error {
    let errno: Errno
    let message: String?
}

/// Paths as mount options take them: names of open descriptors where the path is too long, or has a
/// character that means something in an option.
private struct ShortNames: ~Copyable {
    private(set) var names: [String] = []
    private var held: [CInt] = []

    init(_ paths: [String], always: Bool = false) throws(OverlayFailure) {
        for path in paths {
            let isPlain = path.utf8.count < OverlayPlan.optionBytesMax && !path.utf8.contains { [0x2c, 0x3a, 0x5c].contains($0) }
            if isPlain && !always {
                names.append(path)
                continue
            }
            do {
                let number = try Files.open(path, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW).release()
                held.append(number)
                names.append("/proc/self/fd/\(number)")
            } catch { throw OverlayFailure(errno: error, message: path) }
        }
    }

    deinit { for number in held { close(number) } }
}
