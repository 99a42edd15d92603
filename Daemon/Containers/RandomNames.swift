// RandomNames owns the names of containers that nobody named: a quality and a thing of the sea.

/// Makes names like `brisk_halyard`.
enum RandomNames {
    private static let qualities = [
        "able", "ample", "astute", "balmy", "bold", "brave", "breezy", "brisk", "bright", "calm", "candid", "cheery", "clear",
        "clever", "coastal", "cosy", "crisp", "curious", "daring", "deft", "eager", "early", "earnest", "fair", "fleet", "fond",
        "frank", "free", "fresh", "gallant", "gentle", "glad", "golden", "grand", "hale", "happy", "hardy", "hearty", "honest",
        "humble", "jolly", "keen", "kind", "leeward", "lively", "loyal", "lucid", "merry", "mild", "mellow", "neat", "nimble",
        "noble", "open", "patient", "placid", "plucky", "prompt", "proud", "quick", "quiet", "ready", "robust", "salty", "serene",
        "sharp", "silver", "sleek", "smart", "snug", "sober", "solid", "spry", "stable", "steady", "stout", "sunny", "sure",
        "swift", "tidal", "tidy", "tranquil", "trim", "true", "trusty", "upbeat", "vivid", "warm", "wary", "windward", "wise",
        "witty", "zesty",
    ]
    private static let things = [
        "albatross", "anchor", "atoll", "ballast", "barge", "barque", "bay", "beacon", "berth", "binnacle", "bollard", "boom",
        "bosun", "bowline", "breaker", "brig", "buoy", "caravel", "catamaran", "clipper", "cleat", "cockle", "compass", "coral",
        "cove", "crane", "cutter", "davit", "dinghy", "dock", "dolphin", "ferry", "fjord", "frigate", "galleon", "galley",
        "gangway", "gull", "halyard", "harbour", "haven", "hawser", "helm", "heron", "hull", "inlet", "isle", "jetty", "jib",
        "junk", "kayak", "keel", "ketch", "kelp", "knot", "lagoon", "lantern", "lighter", "limpet", "lugger", "marina", "mast",
        "mooring", "narwhal", "oar", "osprey", "otter", "pelican", "petrel", "pier", "pilot", "plover", "porpoise", "port",
        "prow", "puffin", "punt", "quay", "raft", "reef", "rigging", "rudder", "sail", "schooner", "seal", "sextant", "shoal",
        "skiff", "sloop", "spar", "spinnaker", "sprit", "stern", "strait", "tern", "tide", "tiller", "trawler", "tug", "urchin",
        "wharf", "whelk", "winch", "yacht", "yawl",
    ]

    /// A random name; from the sixth attempt on with a number behind it, so that one is free.
    static func make(attempt: Int) -> String {
        let name = "\(qualities[Int.random(in: 0..<qualities.count)])_\(things[Int.random(in: 0..<things.count)])"
        return attempt < 6 ? name : name + String(Int.random(in: 0...(9 << min(attempt, 40))))
    }
}
