import CLinux
import Faults
import Linux
import OCISpec
import Testing

@testable import RuntimeCore

@Suite struct ResctrlPlanTests {
    typealias Rdt = RuntimeSpec.Linux.IntelRdt

    func plan(_ rdt: Rdt) throws(Fault) -> ResctrlPlan {
        guard let plan = try ResctrlPlan.make(rdt, id: "box") else { throw Fault(.failed, "no plan") }
        return plan
    }

    @Test("without intelRdt there is no plan")
    func absent() throws {
        #expect(try ResctrlPlan.make(nil, id: "box") == nil)
    }

    @Test("the directory is the container's own, a class's, or the default class's")
    func directories() throws {
        #expect(try plan(.init()) == ResctrlPlan(directory: "box", origin: .own, schemata: [], monitoringGroup: nil))
        #expect(try plan(.init(closID: "gold")).origin == .existing && plan(.init(closID: "gold")).directory == "gold")
        #expect(try plan(.init(closID: "/")).directory == "" && plan(.init(closID: "/")).origin == .existing)
        #expect(try plan(.init(closID: "gold", l3CacheSchema: "L3:0=f")).origin == .shared)
        #expect(try plan(.init(closID: "gold", enableMonitoring: true)).monitoringGroup == "mon_groups/box")
    }

    @Test("the older properties are written together and first, schemata last")
    func order() throws {
        #expect(try plan(.init(l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=20")).schemata == ["L3:0=f\nMB:0=20\n"])
        #expect(try plan(.init(schemata: ["L2:0=1", "MB:0=5"], l3CacheSchema: "L3:0=f")).schemata == ["L3:0=f\n", "L2:0=1\nMB:0=5\n"])
        // config-linux.md: the MB line of l3CacheSchema gives way to memBwSchema.
        #expect(try plan(.init(l3CacheSchema: "MB:0=90\nL3:0=f", memBwSchema: "MB:0=20")).schemata == ["L3:0=f\nMB:0=20\n"])
        #expect(try plan(.init(l3CacheSchema: "MB:0=90\nL3:0=f")).schemata == ["MB:0=90\nL3:0=f\n"])
    }

    @Test(
        "what is no class and no schema is refused by its name",
        arguments: [
            (Rdt(closID: "a/b"), "closID"), (Rdt(closID: ".."), "closID"), (Rdt(closID: "info"), "closID"), (Rdt(closID: "mon_groups"), "closID"),
            (Rdt(closID: "a\nb"), "closID"), (Rdt(memBwSchema: "L3:0=f"), "memBwSchema"), (Rdt(memBwSchema: "MB:0=1\nL3:0=f"), "memBwSchema"),
            (Rdt(schemata: ["L3:0=f\nMB:0=1"]), "schemata"), (Rdt(schemata: ["x"]), "schemata"),
        ])
    func refused(rdt: Rdt, property: String) {
        #expect { try plan(rdt) } throws: { "\($0)".contains("linux.intelRdt.\(property)") }
    }

    @Test("a class is made, found or compared as its origin says")
    func origins() throws {
        #expect(try plan(.init()).mustMake(existing: nil))
        #expect { try plan(.init()).mustMake(existing: "") } throws: { ($0 as? Fault)?.kind == .conflict }
        #expect(try !plan(.init(closID: "gold")).mustMake(existing: "L3:0=f"))
        #expect { try plan(.init(closID: "gold")).mustMake(existing: nil) } throws: { ($0 as? Fault)?.kind == .notFound }
        let shared = try plan(.init(closID: "gold", schemata: ["L3:0=F;1=0a"]))
        #expect(try shared.mustMake(existing: nil))
        #expect(try !shared.mustMake(existing: "    MB:0=100\n    L3:0=000f;1=a;2=ff\n"))
        #expect { try shared.mustMake(existing: "L3:0=f;1=b\n") } throws: { ($0 as? Fault)?.kind == .conflict }
        #expect { try shared.mustMake(existing: "L3:0=f\n") } throws: { ($0 as? Fault)?.kind == .conflict }
    }

    @Test("the file system is found where it is mounted as a whole")
    func mountPoint() {
        let line = "30 22 0:26 / /sys/fs/resctrl rw,relatime shared:9 - resctrl resctrl rw\n"
        #expect(Resctrl.mountPoint(in: "22 1 8:1 / / rw - ext4 /dev/sda rw\n" + line) == "/sys/fs/resctrl")
        #expect(Resctrl.mountPoint(in: line.replacing("0:26 / ", with: "0:26 /gold ")) == nil)
        #expect(Resctrl.mountPoint(in: "22 1 8:1 / /resctrl rw - ext4 resctrl rw\n") == nil)
    }

    @Test("a record that leads elsewhere is known for it")
    func record() {
        func isWellFormed(_ group: String, _ monitoring: String?) -> Bool { ResctrlRecord(group: group, isOwn: true, monitoring: monitoring).isWellFormed }
        #expect(isWellFormed("/sys/fs/resctrl/a", nil) && isWellFormed("/r", "/r/mon_groups/b"))
        #expect(!isWellFormed("r/a", nil) && !isWellFormed("/r/../etc", nil) && !isWellFormed("/r", "/etc") && !isWellFormed("/r", "/r/mon_groups/../x"))
        #expect(!isWellFormed("/r", "/r/mon_groups/") && !isWellFormed("/r", "/r/mon_groups/.."))
    }
}

/// A tree of ordinary files in the place of the kernel's: what is written where, and what is left.
@Suite struct ResctrlTreeTests {
    /// A mount with one class `gold`, removed at the end.
    func withTree(_ body: (String) throws -> Void) throws {
        let root = "/tmp/cais-resctrl-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        for directory in [root, root + "/gold"] {
            try Files.makeDirectories(directory + "/mon_groups")
            for (name, text) in [("schemata", "L3:0=ff\n"), ("tasks", "")] { try Files.replace("\(directory)/\(name)", with: text.utf8, durable: false) }
        }
        defer { try? Files.removeTree(root) }
        try body(root)
    }

    func text(_ path: String) throws -> String { String(decoding: try Files.read(path), as: UTF8.self) }

    @Test("a process is put in its class, which stays when the container goes")
    func existing() throws {
        try withTree { root in
            let plan = ResctrlPlan(directory: "gold", origin: .existing, schemata: [], monitoringGroup: nil)
            let record = try Resctrl.make(plan, in: root)
            #expect(record == ResctrlRecord(group: root + "/gold", isOwn: false, monitoring: nil))
            try Resctrl.join(record, 77)
            #expect(try text(root + "/gold/tasks") == "77\n" && text(root + "/gold/schemata") == "L3:0=ff\n")
            try Resctrl.remove(record)
            #expect(Files.exists(root + "/gold"))
        }
    }

    @Test("schemata of a class that is there are compared and written, and its monitoring group is made and taken away")
    func monitored() throws {
        try withTree { root in
            let plan = ResctrlPlan(directory: "gold", origin: .shared, schemata: ["L3:0=0ff\n"], monitoringGroup: "mon_groups/box")
            let record = try Resctrl.make(plan, in: root)
            #expect(record.monitoring == root + "/gold/mon_groups/box" && Files.exists(root + "/gold/mon_groups/box"))
            #expect(try text(root + "/gold/schemata").hasPrefix("L3:0=0ff\n"))
            try Resctrl.remove(record)
            #expect(!Files.exists(root + "/gold/mon_groups/box") && Files.exists(root + "/gold"))
            try Resctrl.remove(record)
        }
    }

    @Test("the default class is the mount itself")
    func defaultClass() throws {
        try withTree { root in
            let record = try Resctrl.make(ResctrlPlan(directory: "", origin: .existing, schemata: [], monitoringGroup: nil), in: root)
            try Resctrl.join(record, 5)
            #expect(try record.group == root && !record.isOwn && text(root + "/tasks") == "5\n")
        }
    }

    @Test("a class of the container's own is made and taken away")
    func own() throws {
        try withTree { root in
            let record = try Resctrl.make(ResctrlPlan(directory: "box", origin: .own, schemata: [], monitoringGroup: nil), in: root)
            #expect(record.isOwn && Files.exists(root + "/box"))
            try Resctrl.remove(record)
            #expect(!Files.exists(root + "/box"))
        }
    }

    @Test("what cannot be written leaves no class behind, and a monitoring group that cannot be made is an error")
    func failures() throws {
        try withTree { root in
            // No schemata file appears in a directory of an ordinary file system.
            let wanting = ResctrlPlan(directory: "box", origin: .own, schemata: ["L3:0=f\n"], monitoringGroup: nil)
            #expect { try Resctrl.make(wanting, in: root) } throws: { "\($0)".contains("box/schemata") }
            #expect(!Files.exists(root + "/box"))
            let monitored = ResctrlPlan(directory: "box", origin: .own, schemata: [], monitoringGroup: "mon_groups/box")
            #expect { try Resctrl.make(monitored, in: root) } throws: { "\($0)".contains("monitoring group") }
            #expect(!Files.exists(root + "/box"))
        }
    }
}
