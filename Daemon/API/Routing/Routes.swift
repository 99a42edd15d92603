// Routes owns the order of the tables: each resource's file has its own.

/// The whole table of routes.
enum Routes {
    /// Every route over these services.
    static func all(_ services: Services) -> [Route] {
        system(services) + containers(services) + containerStreams(services) + execs(services) + images(services)
            + networks(services) + volumes()
    }
}
