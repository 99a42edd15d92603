import Cgroups
import Faults
import OCISpec
import Testing

@testable import RuntimeCore

@Suite("The record of a container")
struct RecordTests {
    private static let line = #"{"version":1,"id":"a","ociVersion":"1.2.0","bundle":"/b","rootfs":"/b/r","created":"2026-01-02T03:04:05.000000006Z","owner":"","annotations":{"k\n":"v\""},"cgroup":{"places":[{"version":"v1","controllers":["cpu","cpuacct"],"mountPoint":"/sys/fs/cgroup/cpu","path":"cais/a"}]},"resctrl":{"group":"/sys/fs/resctrl/a","isOwn":true,"monitoring":"/sys/fs/resctrl/a/mon_groups/a"},"poststart":[{"path":"/h","args":["h"],"env":["A=1"],"timeout":3}],"namespaces":131072,"sharesPids":true,"rootPlace":"/s/a/rootfs","initProcess":{"pid":7,"startTicks":18446744073709551615},"isRestored":true}"#

    @Test("reads what it writes, with nothing lost")
    func roundTrip() throws {
        let record = try JSON.members(of: Array(Self.line.utf8)) { try ContainerRecord($0) }
        #expect(String(decoding: record.text.bytes, as: UTF8.self) == Self.line)
        #expect(record.cgroup?.directory(of: "cpuacct") == "/sys/fs/cgroup/cpu/cais/a")
        #expect(record.initProcess?.startTicks == .max)
        #expect(record.resctrl == ResctrlRecord(group: "/sys/fs/resctrl/a", isOwn: true, monitoring: "/sys/fs/resctrl/a/mon_groups/a"))
    }

    @Test("names the member that is missing or wrong")
    func damaged() {
        #expect { try JSON.members(of: Array(#"{"version":1}"#.utf8)) { try ContainerRecord($0) } } throws: { "\($0)".contains("\"id\"") }
        let wrong = Self.line.replacing("\"pid\":7", with: "\"pid\":\"7\"")
        #expect { try JSON.members(of: Array(wrong.utf8)) { try ContainerRecord($0) } } throws: { "\($0)".contains("/initProcess/pid") }
    }

    @Test("the last line is in force, and one without its end is damage")
    func lastLine() {
        func last(_ text: String) -> String? { StateStore.lastLine(of: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) } }
        #expect(last("a\nb\n") == "b")
        #expect(last("a\nb\nc") == nil)
        #expect(last("a\n") == "a")
        #expect(last("a") == nil)
        #expect(last("") == nil)
    }

    @Test(
        "moments are written in UTC",
        arguments: [
            (0, 0, "1970-01-01T00:00:00.000000000Z"), (951_782_399, 1, "2000-02-28T23:59:59.000000001Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000000000Z"), (951_868_800, 0, "2000-03-01T00:00:00.000000000Z"),
            (4_107_542_399, 999_999_999, "2100-02-28T23:59:59.999999999Z"), (4_107_542_400, 0, "2100-03-01T00:00:00.000000000Z"),
            (1_735_689_599, 5, "2024-12-31T23:59:59.000000005Z"),
        ])
    func timestamps(seconds: Int, nanoseconds: Int, text: String) {
        #expect(Clock.timestamp(seconds: seconds, nanoseconds: nanoseconds) == text)
    }
}
