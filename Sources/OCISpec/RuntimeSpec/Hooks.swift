// Hooks: programs run at points of the container's life, each given the state on its stdin.

extension RuntimeSpec {
    /// The lists of hooks, each run in its order.
    public struct Hooks: Codable, Hashable, Sendable {
        /// In create, before pivot_root, in the runtime's namespaces. Deprecated, and still used.
        public var prestart: [Hook]?
        /// In create, before pivot_root, in the runtime's namespaces.
        public var createRuntime: [Hook]?
        /// In create, before pivot_root, in the container's namespaces.
        public var createContainer: [Hook]?
        /// In start, before the program, in the container's namespaces.
        public var startContainer: [Hook]?
        /// In start, after the program was started, in the runtime's namespaces.
        public var poststart: [Hook]?
        /// In delete, after the container is gone, in the runtime's namespaces.
        public var poststop: [Hook]?

        /// The lists' names, in the order of a container's life.
        public static let names = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]

        /// Makes one from its parts; what is left out is absent.
        public init(
            prestart: [Hook]? = nil, createRuntime: [Hook]? = nil, createContainer: [Hook]? = nil, startContainer: [Hook]? = nil,
            poststart: [Hook]? = nil, poststop: [Hook]? = nil
        ) {
            self.prestart = prestart
            self.createRuntime = createRuntime
            self.createContainer = createContainer
            self.startContainer = startContainer
            self.poststart = poststart
            self.poststop = poststop
        }
    }

    /// One program.
    public struct Hook: Codable, Hashable, Sendable {
        /// The program, absolute.
        public var path: String
        /// Its arguments, the name it sees itself by included.
        public var args: [String]?
        /// Its environment; empty where absent.
        public var env: [String]?
        /// After how many seconds it is killed; more than 0.
        public var timeout: Int?

        /// Makes one from its parts; what is left out is absent.
        public init(path: String, args: [String]? = nil, env: [String]? = nil, timeout: Int? = nil) {
            self.path = path
            self.args = args
            self.env = env
            self.timeout = timeout
        }
    }
}
