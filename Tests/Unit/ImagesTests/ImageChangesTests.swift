import Faults
import OCISpec
import Testing

@testable import Images

@Suite("Changes of an import")
struct ImageChangesTests {
    private func apply(_ changes: String...) throws(Fault) -> ImageConfig.Execution { try ImageChanges.apply(changes, to: .init()) }

    @Test("commands come as JSON or as a line for the shell")
    func commands() throws {
        #expect(try apply(#"CMD ["a", "b c"]"#).cmd == ["a", "b c"])
        #expect(try apply("cmd echo hello").cmd == ["/bin/sh", "-c", "echo hello"])
        #expect(try apply(#"ENTRYPOINT ["/init"]"#).entrypoint == ["/init"])
    }

    @Test("variables are set in both forms, later ones in the place of earlier ones")
    func environment() throws {
        #expect(try apply("ENV A=1 B=\"two words\"", "ENV A=3").env == ["B=two words", "A=3"])
        #expect(try apply("ENV KEY some value").env == ["KEY=some value"])
    }

    @Test("labels, ports, volumes, user, directory and signal")
    func others() throws {
        let result = try apply("LABEL a=1 b='x y'", "EXPOSE 80 53/udp", "VOLUME /data", #"VOLUME ["/x", "/y"]"#, "USER 1000:1000", "WORKDIR /srv", "WORKDIR sub", "STOPSIGNAL SIGINT")
        #expect(result.labels == ["a": "1", "b": "x y"])
        #expect(result.exposedPorts?.keys.sorted() == ["53/udp", "80/tcp"])
        #expect(result.volumes?.keys.sorted() == ["/data", "/x", "/y"])
        #expect(result.user == "1000:1000" && result.workingDir == "/srv/sub" && result.stopSignal == "SIGINT")
    }

    @Test("what cannot be applied is named", arguments: ["RUN rm -rf /", "FROM scratch", "ENV", "EXPOSE 70000", "EXPOSE 80/icmp", "LABEL =x", "ENV A=\"open", "COPY a b"])
    func refused(change: String) {
        do throws(Fault) {
            _ = try apply(change)
            Issue.record("it was taken")
        } catch { #expect(error.kind == .invalidArgument && error.description.contains(change)) }
    }
}
