// CgroupRecord owns where a container's cgroup is, as it is kept on disk.
import OCISpec

/// Where a cgroup is, in each hierarchy: enough to find it again without looking at the machine.
package struct CgroupRecord: Hashable, Sendable {
    /// Its directory in one hierarchy.
    package struct Place: Hashable, Sendable {
        /// The hierarchy's kind.
        package var version: CgroupVersion
        /// The hierarchy's controllers; a hierarchy that has only a name is `name=…`.
        package var controllers: [String]
        /// The mount point.
        package var mountPoint: String
        /// The path beneath it, without a leading slash.
        package var path: String
        /// True where it was there before and so is not the container's to remove (the specification's
        /// `delete`: what create did not make stays).
        package var isFound: Bool?

        /// The directory.
        package var directory: String { "\(mountPoint)/\(path)" }
    }

    /// The directories.
    package var places: [Place]

    /// The directory whose freezer stops its processes.
    package var freezerDirectory: String? {
        directory(of: "freezer") ?? places.first { $0.version == .v2 }?.directory
    }

    /// The directory that has the controller.
    package func directory(of controller: String) -> String? {
        places.first { $0.controllers.contains(controller) }?.directory
    }

    /// Reads what `text` wrote.
    package init(_ members: JSONMembers) throws {
        places = try members.objects("places") { place in
            Place(
                version: try place.string(needed: "version") == CgroupVersion.v1.rawValue ? .v1 : .v2,
                controllers: try place.strings("controllers") ?? [], mountPoint: try place.string(needed: "mountPoint"),
                path: try place.string(needed: "path"), isFound: try place.bool("isFound"))
        } ?? []
    }

    /// The record as it is kept.
    package var text: JSONObjectText {
        var text = JSONObjectText()
        text.add("places", objects: places.map { place in
            var text = JSONObjectText()
            text.add("version", place.version.rawValue)
            text.add("controllers", strings: place.controllers)
            text.add("mountPoint", place.mountPoint)
            text.add("path", place.path)
            text.add("isFound", bool: place.isFound)
            return text
        })
        return text
    }

    /// Makes one of its parts.
    init(places: [Place]) { self.places = places }
}
