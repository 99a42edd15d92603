import EngineAPI
import Faults
import Lifecycle
import OCISpec
import Testing

@testable import Containers

@Suite struct HealthPlanTests {
    private func health(_ test: [String]?, interval: Int64? = nil, retries: Int? = nil) -> HealthConfig {
        var health = HealthConfig()
        health.test = test
        health.interval = interval
        health.retries = retries
        return health
    }

    private func plan(_ health: HealthConfig?, shell: [String]? = nil) -> HealthCheck? {
        var config = ContainerConfig()
        config.healthcheck = health
        config.shell = shell
        return HealthPlan.make(config)
    }

    @Test("a command is run as it is, a line by the shell that the image names")
    func command() {
        #expect(plan(health(["CMD", "test", "-e", "/ok"]))?.command == ["test", "-e", "/ok"])
        #expect(plan(health(["CMD-SHELL", "a; b"]))?.command == ["/bin/sh", "-c", "a; b"])
        #expect(plan(health(["CMD-SHELL", "a; b"]), shell: ["/bin/ash", "-ec"])?.command == ["/bin/ash", "-ec", "a; b"])
    }

    @Test("none, nothing and no test run nothing")
    func nothing() {
        #expect(plan(nil) == nil && plan(health(nil)) == nil && plan(health([])) == nil && plan(health(["NONE"])) == nil)
    }

    @Test("nanoseconds become milliseconds, at least one; what is 0 has docker's default")
    func times() {
        #expect(plan(health(["CMD", "x"], interval: 1_500_000_000))?.intervalMilliseconds == 1_500)
        #expect(plan(health(["CMD", "x"], interval: 1_000_000))?.intervalMilliseconds == 1)
        #expect(plan(health(["CMD", "x"], interval: 0, retries: 0)) == HealthCheck(command: ["x"]))
    }

    @Test("what a request leaves out is inherited from the image")
    func merge() {
        let image = ImageConfig.Healthcheck(test: ["CMD", "x"], interval: 5, retries: 7)
        #expect(HealthPlan.merge(nil, image: image) == health(["CMD", "x"], interval: 5, retries: 7))
        #expect(HealthPlan.merge(health(nil, retries: 2), image: image) == health(["CMD", "x"], interval: 5, retries: 2))
        #expect(HealthPlan.merge(health(["NONE"]), image: image)?.test == ["NONE"])
        #expect(HealthPlan.merge(health(["CMD", "y"]), image: nil) == health(["CMD", "y"]))
        #expect(HealthPlan.merge(nil, image: nil) == nil)
    }

    @Test("what cannot be is refused by its name", arguments: [["CMD"], ["CMD-SHELL"], ["RUN", "x"]])
    func refused(test: [String]) {
        let fault = #expect(throws: Fault.self) { try HealthPlan.check(health(test)) }
        #expect(fault?.kind == .invalidArgument && fault?.reason.hasPrefix("Test in Healthcheck") == true)
    }

    @Test("times below a millisecond are refused, and none is not")
    func limits() throws {
        #expect(throws: Fault.self) { try HealthPlan.check(health(["CMD", "x"], interval: 999_999)) }
        #expect(throws: Fault.self) { try HealthPlan.check(health(["CMD", "x"], interval: -1)) }
        #expect(throws: Fault.self) { try HealthPlan.check(health(["CMD", "x"], retries: -1)) }
        try HealthPlan.check(health(["CMD", "x"], interval: 0, retries: 0))
        try HealthPlan.check(health(["CMD", "x"], interval: 1_000_000))
        try HealthPlan.check(nil)
    }
}
