// ResctrlPlan owns what `linux.intelRdt` means to the kernel's file interface for cache and memory
// bandwidth (resctrl): which directory a container belongs to, how it is come by, and what is
// written there. Pure; Resctrl.swift carries it out.
import Faults
import OCISpec

struct ResctrlPlan: Hashable, Sendable {
    /// How the directory of the class is come by (config-linux.md, IntelRdt).
    enum Origin: Hashable, Sendable {
        /// No closID: one of the container's own is made.
        case own
        /// A closID and schemata: made where it is missing, and compared where it is there.
        case shared
        /// A closID alone: it has to be there.
        case existing
    }

    /// The directory beneath the mount; empty for the default class, which is the mount itself.
    let directory: String
    let origin: Origin
    /// What is written into `schemata`, each with one write(2): the older properties' lines, then those of `schemata`.
    let schemata: [String]
    /// The monitoring group beneath the directory; nil for none.
    let monitoringGroup: String?

    /// Directories of the kernel's own.
    private static let reserved = ["info", "mon_groups", "mon_data"]

    /// - Throws: `.invalidArgument` with the name of the property.
    static func make(_ rdt: RuntimeSpec.Linux.IntelRdt?, id: String) throws(Fault) -> ResctrlPlan? {
        guard let rdt else { return nil }
        let closID = rdt.closID.flatMap { $0.isEmpty ? nil : $0 }
        let directory = closID == "/" ? "" : closID ?? id
        let isName = !directory.contains("/") && !directory.contains("\n") && directory != "." && directory != ".."
        guard isName, !reserved.contains(directory) else { throw invalid("closID \"\(directory)\" cannot be a class of service") }
        let schemata = try schemata(of: rdt)
        return ResctrlPlan(
            directory: directory, origin: closID == nil ? .own : schemata.isEmpty ? .existing : .shared, schemata: schemata,
            monitoringGroup: rdt.enableMonitoring ?? false ? "mon_groups/\(id)" : nil)
    }

    private static func schemata(of rdt: RuntimeSpec.Linux.IntelRdt) throws(Fault) -> [String] {
        var older = (rdt.l3CacheSchema ?? "").split(separator: "\n").map(String.init)
        if let bandwidth = rdt.memBwSchema, !bandwidth.isEmpty {
            guard bandwidth.hasPrefix("MB:"), !bandwidth.contains("\n") else { throw invalid("memBwSchema \"\(bandwidth)\" is not one line that begins with MB:") }
            older.removeAll { $0.hasPrefix("MB:") }
            older.append(bandwidth)
        }
        for line in rdt.schemata ?? [] where line.contains("\n") || !line.contains(":") {
            throw invalid("schemata \"\(line)\" is not one line of a schema")
        }
        return [older, rdt.schemata ?? []].filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }
    }

    private static func invalid(_ reason: String) -> Fault { Fault(.invalidArgument, "linux.intelRdt.\(reason)") }

    /// Whether the directory has to be made.
    /// - Parameter existing: its schemata where it is there.
    /// - Throws: where that is not as the specification has it.
    func mustMake(existing: String?) throws(Fault) -> Bool {
        switch (origin, existing) {
        case (.own, nil), (.shared, nil): return true
        case (.own, .some): throw Fault(.conflict, "intelRdt: there is a class \(directory) already, and no closID says to use it")
        case (.existing, nil): throw Fault(.notFound, "intelRdt: there is no class \(directory), and no schema to make it")
        case (.existing, .some): return false
        case (.shared, .some(let text)):
            let there = ResctrlSchemata(text)
            for wanted in schemata {
                guard there.contains(ResctrlSchemata(wanted)) else {
                    throw Fault(.conflict, "intelRdt: class \(directory.isEmpty ? "/" : directory) is there with other schemata than \(Journal.quoted(wanted))")
                }
            }
            return false
        }
    }
}

/// The lines of a schemata file as values, so that `L3:0=00ff` and `  L3:0=ff` are one.
struct ResctrlSchemata: Hashable, Sendable {
    /// By resource and domain, as `L3:0`.
    private var values: [String: String] = [:]

    init(_ text: String) {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            for entry in parts[1].split(separator: ";") {
                let pair = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                values["\(Self.trimmed(parts[0])):\(Self.trimmed(pair[0]))"] = pair.count == 2 ? Self.number(pair[1]) : ""
            }
        }
    }

    /// Whether every value of `other` is the same here.
    func contains(_ other: ResctrlSchemata) -> Bool { other.values.allSatisfy { values[$0.key] == $0.value } }

    private static func trimmed(_ text: Substring) -> Substring {
        Substring(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed().map(String.init).joined())
    }

    private static func number(_ text: Substring) -> String {
        let digits = trimmed(text).lowercased().drop { $0 == "0" }
        return digits.isEmpty ? "0" : String(digits)
    }
}
