import CLinux
import Faults
import func Glibc.pthread_create
import func Glibc.pthread_join
import Linux
import Testing

@testable import Archive
@testable import Snapshots

/// Mounts need root; they are made by a thread in a mount namespace of its own and go with it.
@Suite("Overlay mounts", .enabled(if: geteuid() == 0, "mounting needs root"))
struct OverlayMountTests {
    /// Runs `body` on a new thread that no mount leaves.
    private func inOwnNamespace(_ body: @escaping @Sendable () throws -> Void) throws {
        final class Box: @unchecked Sendable {  // Safe because the thread is joined before anybody else looks.
            let body: @Sendable () throws -> Void
            var result: Result<Void, any Error> = .success(())
            init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }
        }
        let box = Box(body)
        var thread = pthread_t()
        pthread_create(&thread, nil, { context in
            let box = Unmanaged<Box>.fromOpaque(context!).takeUnretainedValue()
            box.result = Result {
                try Namespaces.unshare(.mount)
                try Mount.change(AT_FDCWD, path: "/", recursive: true, propagation: .private)
                try box.body()
            }
            return nil
        }, Unmanaged.passUnretained(box).toOpaque())
        pthread_join(thread, nil)
        try box.result.get()
    }

    /// A directory with `count` layers of one file each, all of which have a file `same` too.
    private func withLayers(_ count: Int, _ body: @escaping @Sendable (OverlayPlan, String) throws -> Void) throws {
        let root = "/tmp/cais-overlay-\(UInt64.random(in: .min ... .max))"
        defer { try? TreeRemoval.remove(path: root) }  // What stays in /tmp harms nobody.
        for name in ["work", "upper", "at"] { try Files.makeDirectories("\(root)/\(name)") }
        var lower: [String] = []
        for number in (0..<count).reversed() {
            try Files.makeDirectories("\(root)/layer\(number)")
            for name in ["own\(number)", "same"] { try Files.replace("\(root)/layer\(number)/\(name)", with: Array("\(number)".utf8), durable: false) }
            lower.append("\(root)/layer\(number)")
        }
        let plan = OverlayPlan(lower: lower, upper: "\(root)/upper", work: "\(root)/work")
        try inOwnNamespace { try body(plan, "\(root)/at") }
    }

    @Test("both ways of telling the kernel mount many layers, the topmost first", arguments: OverlayMount.Method.allCases)
    func manyLayers(method: OverlayMount.Method) throws {
        try withLayers(150) { plan, path in
            try OverlayMount.mount(plan, at: path, method)
            #expect(try Files.read("\(path)/same") == Array("149".utf8))
            #expect(try Files.read("\(path)/own0") == Array("0".utf8))
            #expect(try Files.names(in: path).count == 151)
        }
    }

    @Test("mounting and unmounting twice are done once")
    func idempotent() throws {
        try withLayers(1) { plan, path in
            try OverlayMount.mount(plan, at: path)
            try OverlayMount.mount(plan, at: path)
            #expect(try OverlayMount.mounted(at: path) == .overlay)
            try OverlayMount.unmount(path)
            #expect(try OverlayMount.mounted(at: path) == .nothing)
            try OverlayMount.unmount(path)
            try OverlayMount.unmount("\(path)/missing")
        }
    }

    @Test("something else at the path is not covered")
    func somethingElse() throws {
        try withLayers(1) { plan, path in
            try call { CLinux.mount("tmpfs", path, "tmpfs", 0, nil) }
            do throws(Fault) {
                try OverlayMount.mount(plan, at: path)
                Issue.record("it was covered")
            } catch { #expect(error.kind == .conflict) }
        }
    }

    @Test("paths with the characters of options, and long ones, mount too")
    func oddPaths() throws {
        try withLayers(1) { plan, path in
            let odd = path + "/a,b:c\\d" + String(repeating: "/" + String(repeating: "n", count: 200), count: 2)
            var plan = plan
            try Files.makeDirectories(odd)
            try Files.replace("\(odd)/odd", with: [1], durable: false)
            plan.lower.append(odd)
            let target = path + "/target"
            try Files.makeDirectories(target)
            try OverlayMount.mount(plan, at: target)
            #expect(Files.exists("\(target)/odd") && Files.exists("\(target)/own0"))
        }
    }
}
