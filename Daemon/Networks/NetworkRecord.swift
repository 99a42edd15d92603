import EngineAPI
import Faults
import Netlink

/// A network as the store keeps it, under its name.
package struct NetworkRecord: Codable, Hashable, Sendable {
    /// The format.
    package var version = 1
    /// `bridge`, `host` or `none`.
    package let name: String
    /// Its ID.
    package let id: ContainerID
    /// `bridge`, `host` or `null`.
    package let driver: String
    /// When it was made, RFC 3339.
    package let created: String
    /// The bridge's address with its subnet, when last known.
    package var bridgeAddress: String?
    /// The address handed out last.
    package var cursor: String?

    /// The networks that every engine has, by name and driver.
    static let predefined = [("bridge", "bridge"), ("host", "host"), ("none", "null")]

    /// A new network.
    init(name: String, driver: String) {
        self.name = name
        self.driver = driver
        id = ContainerID.random()
        created = Timestamp.now().description
    }
}
