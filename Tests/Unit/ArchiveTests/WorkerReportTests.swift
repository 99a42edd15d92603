import Faults
import OCISpec
import Testing

@testable import Archive

@Suite("Reports of a worker")
struct WorkerReportTests {
    @Test("each line says the same thing at the other end", arguments: [
        .file(SplitFile(name: "manifest.json", file: "3", digest: "sha256:00", size: 12)), .link(SplitLink(name: "a/layer.tar", target: "b/layer.tar")),
        .layer(UnpackedLayer(diffID: "sha256:11", size: 5, entries: 2, streamBytes: 1_024)), .finished(SplitArchive(entries: 7)),
        .error(WorkerFailure(Fault(.noSpace, "write: No space left on device", errno: 28))),
    ] as [WorkerReport])
    func roundTrip(report: WorkerReport) throws {
        #expect(try JSON.decode(WorkerReport.self, from: try JSON.encode(report)) == report)
    }

    @Test("a fault keeps its kind, words and number")
    func fault() {
        let fault = Fault(.noSpace, "No space left on device", errno: 28, trail: ["layer", "write"])
        let back = WorkerFailure(fault).fault
        #expect(back.kind == .noSpace && back.errno == 28 && back.description == "layer: write: No space left on device")
    }
}
