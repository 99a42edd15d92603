import Faults
import Linux
import OCISpec
import Testing

@testable import RuntimeCore

@Suite struct MountOptionsTests {
    @Test("words set and clear properties, and the later of two wins")
    func order() {
        #expect(MountOptions(["ro", "rw"]).set == [])
        #expect(MountOptions(["rw", "ro"]).set == .readOnly)
        #expect(MountOptions(["rw", "ro"]).clear == [])
        #expect(MountOptions(["nosuid", "nodev", "noexec"]).set == [.noSetUID, .noDevices, .noExecute])
        #expect(MountOptions(["exec", "dev"]).clear == [.noExecute, .noDevices])
    }

    @Test("a change of the access time clears its whole field, as the kernel demands")
    func accessTime() {
        let strict = MountOptions(["noatime", "strictatime"])
        #expect(strict.set == .strictAccessTime)
        #expect(strict.clear == .accessTimeField)
        let relative = MountOptions(["noatime", "relatime"])
        #expect(relative.set == [] && relative.clear == .accessTimeField)
        #expect(MountOptions(["nodiratime"]).set == .noDirectoryAccessTime)
    }

    @Test("a leading r makes a property one of all mounts beneath")
    func recursive() {
        let options = MountOptions(["rbind", "rro", "rnosuid", "rexec"])
        #expect(options.shape == .bind(recursive: true))
        #expect(options.recursiveSet == [.readOnly, .noSetUID])
        #expect(options.recursiveClear == .noExecute)
        #expect(options.set == [])
    }

    @Test("words of the file system are passed on, words without effect are not")
    func parameters() {
        let options = MountOptions(["size=64k", "newinstance", "defaults", "silent", "sync", "lazytime", "nolazytime"])
        #expect(options.parameters == [.value("size", "64k"), .flag("newinstance"), .flag("sync")])
    }

    @Test("propagation keeps its order and depth")
    func propagation() {
        let options = MountOptions(["rslave", "shared"])
        #expect(options.propagation == [.init(propagation: .slave, recursive: true), .init(propagation: .shared, recursive: false)])
    }

    @Test("features tell every word that is understood")
    func allWords() {
        let words = Set(MountOptions.allWords)
        for word in ["bind", "rbind", "ro", "rro", "rnosymfollow", "runbindable", "idmap", "tmpcopyup", "norelatime", "rnorelatime", "async"] {
            #expect(words.contains(word))
        }
    }
}

@Suite struct MountPlanTests {
    func plan(_ mounts: [RuntimeSpec.Mount], linux: RuntimeSpec.Linux? = nil) throws(Fault) -> [PlannedMount] {
        try MountPlan.make(RuntimeSpec(mounts: mounts, linux: linux), bundle: "/bundle")
    }

    @Test("a relative source counts from the bundle and a relative destination from the root")
    func relative() throws {
        let mount = try plan([.init(destination: "data//x/../y/", source: "extra", options: ["bind"])])[0]
        #expect(mount.destination == "/data/y")
        #expect(mount.source == .bind(path: "/bundle/extra", recursive: false))
    }

    @Test("the root itself is no destination, nor is anything inside proc but what tells about the machine")
    func destinations() throws {
        for destination in ["/", "/..", "a/..", "/proc/sys", "/proc/1/attr", "/tmp/../proc/sys/kernel"] {
            #expect(throws: Fault.self) { try plan([.init(destination: destination, type: "tmpfs")]) }
        }
        #expect(throws: Fault.self) { try plan([.init(destination: "/proc", type: "tmpfs")]) }
        #expect(try plan([.init(destination: "/proc/meminfo", source: "/x", options: ["bind"])]).count == 1)
    }

    @Test("a mount needs a type or bind, and bind needs a source")
    func incomplete() {
        #expect(throws: Fault.self) { try plan([.init(destination: "/x")]) }
        #expect(throws: Fault.self) { try plan([.init(destination: "/x", options: ["rbind"])]) }
    }

    @Test("id mappings come in pairs, and the word idmap without them means the container's")
    func mappings() throws {
        let one = [RuntimeSpec.Linux.IDMapping(containerID: 0, hostID: 5, size: 1)]
        #expect(throws: Fault.self) { try plan([.init(destination: "/x", source: "/y", options: ["bind"], uidMappings: one)]) }
        #expect(throws: Fault.self) { try plan([.init(destination: "/x", source: "/y", options: ["bind", "idmap"])]) }
        let mount = try plan([.init(destination: "/x", source: "/y", options: ["bind", "ridmap"])], linux: .init(uidMappings: one, gidMappings: one))[0]
        #expect(mount.idMapping == .own(uid: one, gid: one, recursive: true))
        let joined = RuntimeSpec.Linux(namespaces: [.init(type: .user, path: "/proc/1/ns/user")])
        #expect(try plan([.init(destination: "/x", source: "/y", options: ["bind", "idmap"])], linux: joined)[0].idMapping == .joined(path: "/proc/1/ns/user", recursive: false))
        #expect(throws: Fault.self) { try plan([.init(destination: "/x", type: "cgroup", uidMappings: one, gidMappings: one)]) }
        #expect(throws: Fault.self) { try plan([.init(destination: "/x", options: ["remount", "idmap"], uidMappings: one, gidMappings: one)]) }
        #expect(try plan([.init(destination: "/x", type: "tmpfs", uidMappings: one, gidMappings: one)])[0].idMapping != nil)
    }

    @Test("a read-only tmpfs waits until everything beneath it is there")
    func readOnlyLast() throws {
        let mounts = try plan([
            .init(destination: "/dev", type: "tmpfs", options: ["ro"]), .init(destination: "/sys", type: "sysfs", options: ["ro"]),
        ])
        #expect(mounts[0].isReadOnlyLast && !mounts[1].isReadOnlyLast)
    }

    @Test("an error names the mount's place in the list")
    func place() {
        #expect { try plan([.init(destination: "/a", type: "tmpfs"), .init(destination: "/b")]) } throws: { "\($0)".hasPrefix("mounts[1]: ") }
    }
}

@Suite struct DevicePlanTests {
    @Test("every container has the default devices, and the configuration's take their place by path")
    func defaults() throws {
        let spec = RuntimeSpec(linux: .init(devices: [
            .init(type: .character, path: "/dev/../dev/null", major: 1, minor: 3, fileMode: 0o600), .init(type: .fifo, path: "/run/pipe"),
        ]))
        let plan = try #require(try DevicePlan.make(spec, mounts: []))
        #expect(plan.devices.count == 7)
        #expect(plan.devices.first { $0.path == "/dev/null" }?.mode == 0o600)
        #expect(plan.devices.last?.kind == .fifo)
    }

    @Test("a /dev of the host is taken as it is")
    func bound() throws {
        let spec = RuntimeSpec(mounts: [.init(destination: "/dev/", source: "/dev", options: ["rbind"])])
        #expect(try DevicePlan.make(spec, mounts: try MountPlan.make(spec, bundle: "/b")) == nil)
    }

    @Test("numbers out of range and relative paths are refused")
    func wrong() {
        for device in [
            RuntimeSpec.Linux.Device(type: .block, path: "/dev/x", major: -1, minor: 0), .init(type: .block, path: "dev/x", major: 1, minor: 0),
        ] {
            #expect(throws: Fault.self) { try DevicePlan.make(RuntimeSpec(linux: .init(devices: [device])), mounts: []) }
        }
    }
}
