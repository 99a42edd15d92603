import CLICore
import Flags

/// The command line of `cais`: docker's verbs and flags for what the engine serves.
enum CommandTable {
    static let program = Program(
        version: "Cais version \(Product.version)",
        root: Verb(
            noun: "cais", "A container engine", usage: "[OPTIONS] COMMAND [ARG...]",
            flags: [
                .list("host", short: "H", "Daemon socket to connect to (default \"unix:///run/cais/cais.sock\", then \"unix:///var/run/docker.sock\")")
            ],
            verbs: topLevel))

    private static var topLevel: [Verb] {
        [
            run(at: "Common Commands"), exec(at: "Common Commands"), list("ps", at: "Common Commands"),
            images("images", at: "Common Commands"), load(at: "Common Commands"), version, info(at: "Common Commands"),
            Verb(noun: "container", "Manage containers", group: "Management Commands", verbs: container),
            Verb(noun: "image", "Manage images", group: "Management Commands", verbs: image),
            Verb(noun: "network", "Manage networks", group: "Management Commands", verbs: network),
            Verb(noun: "system", "Manage the engine", group: "Management Commands", verbs: [events(), info()]),
            attach, create, events(), history, importImage,
            inspect, kill, logs, rename, restart, remove("rm"), removeImage("rmi"), start, stop, tag, wait,
        ]
    }

    private static var container: [Verb] {
        [
            attach, create, exec(), containerInspect, kill, list("ls", aliases: ["list", "ps"]), logs, containerPrune, rename, restart,
            remove("rm", aliases: ["remove"]), run(), start, stop, wait,
        ]
    }

    private static var image: [Verb] {
        [history, importImage, imageInspect, load(), images("ls", aliases: ["list"]), removeImage("rm", aliases: ["remove"]), tag]
    }

    private static var network: [Verb] {
        [
            Verb(
                "inspect", "Display detailed information on one or more networks", usage: "[OPTIONS] NETWORK [NETWORK...]", arity: .atLeast(1),
                candidates: allNetworks, action: Action.networkInspect,
                flags: [format, .bool("verbose", short: "v", "Verbose output for diagnostics")]),
            Verb(
                "ls", aliases: ["list"], "List networks", action: Action.networks,
                flags: [filter, tableFormat, .bool("no-trunc", "Do not truncate the output"), .bool("quiet", short: "q", "Only display network IDs")]),
        ]
    }

    // MARK: Words that several verbs share

    private static let runningContainers = Candidates.command("cais ps --format '{{.Names}}'")
    private static let allContainers = Candidates.command("cais ps -a --format '{{.Names}}'")
    private static let allImages = Candidates.command("cais images --format '{{.Repository}}:{{.Tag}}'")
    private static let allNetworks = Candidates.command("cais network ls --format '{{.Name}}'")
    private static let containers = "[OPTIONS] CONTAINER [CONTAINER...]"
    private static let dockerFormats = "Format output using a custom template: 'json': Print in JSON format, 'TEMPLATE': Print output using the given Go template."

    private static var filter: Flag { .list("filter", short: "f", value: "filter", check: filterProblem, "Filter output based on conditions provided") }
    private static var format: Flag { .string("format", short: "f", dockerFormats) }
    private static var tableFormat: Flag {
        .string("format", "Format output using a custom template: 'table': Print output in table format with column headers (default), 'table TEMPLATE': Print output in table format using the given Go template, 'json': Print in JSON format, 'TEMPLATE': Print output using the given Go template.")
    }
    private static var detachKeys: Flag { .string("detach-keys", "Override the key sequence for detaching a container") }

    private static let filterProblem: Flag.Check = { text in
        text.contains("=") ? nil : "bad format of filter (expected name=value)"
    }

    private static func spellings(_ words: String...) -> [String] { words.map { "cais \($0)" } }

    // MARK: Containers

    private static func run(at group: String? = nil) -> Verb {
        Verb(
            "run", "Create and run a new container from an image", usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
            spellings: spellings("container run", "run"), arity: .atLeast(1), endsAtArgument: true, group: group, candidates: allImages,
            action: Action.run, flags: ContainerFlags.runOnly() + ContainerFlags.common())
    }

    private static let create = Verb(
        "create", "Create a new container", usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]", spellings: spellings("container create", "create"),
        arity: .atLeast(1), endsAtArgument: true, candidates: allImages, action: Action.create, flags: ContainerFlags.common())

    private static func exec(at group: String? = nil) -> Verb {
        Verb(
            "exec", "Execute a command in a running container", usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
            spellings: spellings("container exec", "exec"), arity: .atLeast(2), endsAtArgument: true, group: group, candidates: runningContainers,
            action: Action.exec,
            flags: [
                .bool("detach", short: "d", "Detached mode: run command in the background"), detachKeys,
                .list("env", short: "e", "Set environment variables"), .list("env-file", candidates: .files, "Read in a file of environment variables"),
                .bool("interactive", short: "i", "Keep STDIN open even if not attached"), .bool("privileged", "Give extended privileges to the command"),
                .bool("tty", short: "t", "Allocate a pseudo-TTY"), .string("user", short: "u", "Username or UID (format: \"<name|uid>[:<group|gid>]\")"),
                .string("workdir", short: "w", "Working directory inside the container"),
            ])
    }

    private static func list(_ name: String, aliases: [String] = [], at group: String? = nil) -> Verb {
        Verb(
            name, aliases: aliases, "List containers", spellings: spellings("container ls", "container list", "container ps", "ps"), group: group,
            action: Action.list,
            flags: [
                .bool("all", short: "a", "Show all containers (default shows just running)"), filter, tableFormat,
                .int("last", short: "n", default: -1, "Show n last created containers (includes all states)"),
                .bool("latest", short: "l", "Show the latest created container (includes all states)"), .bool("no-trunc", "Don't truncate output"),
                .bool("quiet", short: "q", "Only display container IDs"), .bool("size", short: "s", "Display total file sizes"),
            ])
    }

    private static let start = Verb(
        "start", "Start one or more stopped containers", usage: containers, spellings: spellings("container start", "start"), arity: .atLeast(1),
        candidates: allContainers, action: Action.start,
        flags: [
            .bool("attach", short: "a", "Attach STDOUT/STDERR and forward signals"), detachKeys,
            .bool("interactive", short: "i", "Attach container's STDIN"),
        ])

    private static let stop = Verb(
        "stop", "Stop one or more running containers", usage: containers, spellings: spellings("container stop", "stop"), arity: .atLeast(1),
        candidates: runningContainers, action: Action.stop, flags: stopFlags("stop"))

    private static let restart = Verb(
        "restart", "Restart one or more containers", usage: containers, spellings: spellings("container restart", "restart"), arity: .atLeast(1),
        candidates: allContainers, action: Action.restart, flags: stopFlags("restart"))

    private static func stopFlags(_ verb: String) -> [Flag] {
        [
            .string("signal", short: "s", "Signal to send to the container"),
            .int("timeout", short: "t", aliases: ["time"], "Seconds to wait before killing the container"),
        ]
    }

    private static let kill = Verb(
        "kill", "Kill one or more running containers", usage: containers, spellings: spellings("container kill", "kill"), arity: .atLeast(1),
        candidates: runningContainers, action: Action.kill, flags: [.string("signal", short: "s", "Signal to send to the container")])

    private static let wait = Verb(
        "wait", "Block until one or more containers stop, then print their exit codes", usage: "CONTAINER [CONTAINER...]",
        spellings: spellings("container wait", "wait"), arity: .atLeast(1), candidates: runningContainers, action: Action.wait)

    private static let attach = Verb(
        "attach", "Attach local standard input, output, and error streams to a running container", usage: "[OPTIONS] CONTAINER",
        spellings: spellings("container attach", "attach"), arity: .exactly(1), candidates: runningContainers, action: Action.attach,
        flags: [detachKeys, .bool("no-stdin", "Do not attach STDIN"), .bool("sig-proxy", default: true, "Proxy all received signals to the process")])

    private static let logs = Verb(
        "logs", "Fetch the logs of a container", usage: "[OPTIONS] CONTAINER", spellings: spellings("container logs", "logs"), arity: .exactly(1),
        candidates: allContainers, action: Action.logs,
        flags: [
            .bool("details", "Show extra details provided to logs"), .bool("follow", short: "f", "Follow log output"),
            .string("since", "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"),
            .string("tail", short: "n", default: "all", "Number of lines to show from the end of the logs"), .bool("timestamps", short: "t", "Show timestamps"),
            .string("until", "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"),
        ])

    private static func remove(_ name: String, aliases: [String] = []) -> Verb {
        Verb(
            name, aliases: aliases, "Remove one or more containers", usage: containers,
            spellings: spellings("container rm", "container remove", "rm"), arity: .atLeast(1), candidates: allContainers, action: Action.remove,
            flags: [
                .bool("force", short: "f", "Force the removal of a running container (uses SIGKILL)"),
                .bool("volumes", short: "v", "Remove anonymous volumes associated with the container"),
            ])
    }

    private static let rename = Verb(
        "rename", "Rename a container", usage: "CONTAINER NEW_NAME", spellings: spellings("container rename", "rename"), arity: .exactly(2),
        candidates: allContainers, action: Action.rename)

    private static let containerPrune = Verb(
        "prune", "Remove all stopped containers", action: Action.containerPrune,
        flags: [
            .list("filter", value: "filter", check: filterProblem, "Provide filter values (e.g. \"until=<timestamp>\")"),
            .bool("force", short: "f", "Do not prompt for confirmation"),
        ])

    // MARK: Inspection

    private static let inspect = Verb(
        "inspect", "Return low-level information on objects of the engine", usage: "[OPTIONS] NAME|ID [NAME|ID...]", arity: .atLeast(1),
        candidates: allContainers, action: Action.inspect,
        flags: [
            format, .bool("size", short: "s", "Display total file sizes if the type is container"),
            .string("type", candidates: .words(["container", "image", "network"]), "Only inspect objects of the given type"),
        ])

    private static let containerInspect = Verb(
        "inspect", "Display detailed information on one or more containers", usage: containers, arity: .atLeast(1), candidates: allContainers,
        action: Action.containerInspect, flags: [format, .bool("size", short: "s", "Display total file sizes")])

    private static let imageInspect = Verb(
        "inspect", "Display detailed information on one or more images", usage: "[OPTIONS] IMAGE [IMAGE...]", arity: .atLeast(1),
        candidates: allImages, action: Action.imageInspect, flags: [format])

    // MARK: Images

    private static func images(_ name: String, aliases: [String] = [], at group: String? = nil) -> Verb {
        Verb(
            name, aliases: aliases, "List images", usage: "[OPTIONS] [REPOSITORY[:TAG]]", spellings: spellings("image ls", "image list", "images"),
            arity: .atMost(1), group: group, candidates: allImages, action: Action.images,
            flags: [
                .bool("all", short: "a", "Show all images (default hides intermediate images)"), .bool("digests", "Show digests"), filter, tableFormat,
                .bool("no-trunc", "Don't truncate output"), .bool("quiet", short: "q", "Only show image IDs"),
            ])
    }

    private static func load(at group: String? = nil) -> Verb {
        Verb(
            "load", "Load an image from a tar archive or STDIN", spellings: spellings("image load", "load"), group: group, action: Action.load,
            flags: [
                .string("input", short: "i", candidates: .files, "Read from tar archive file, instead of STDIN"),
                .bool("quiet", short: "q", "Suppress the load output"),
            ])
    }

    private static let importImage = Verb(
        "import", "Import the contents from a tarball to create a filesystem image", usage: "[OPTIONS] file|- [REPOSITORY[:TAG]]",
        spellings: spellings("image import", "import"), arity: .between(1, 2), candidates: .files, action: Action.importImage,
        flags: [
            .list("change", short: "c", "Apply Dockerfile instruction to the created image"),
            .string("message", short: "m", "Set commit message for imported image"), .string("platform", "Set platform if server is multi-platform capable"),
        ])

    private static let tag = Verb(
        "tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
        spellings: spellings("image tag", "tag"), arity: .exactly(2), candidates: allImages, action: Action.tag)

    private static func removeImage(_ name: String, aliases: [String] = []) -> Verb {
        Verb(
            name, aliases: aliases, "Remove one or more images", usage: "[OPTIONS] IMAGE [IMAGE...]",
            spellings: spellings("image rm", "image remove", "rmi"), arity: .atLeast(1), candidates: allImages, action: Action.removeImage,
            flags: [.bool("force", short: "f", "Force removal of the image"), .bool("no-prune", "Do not delete untagged parents")])
    }

    private static let history = Verb(
        "history", "Show the history of an image", usage: "[OPTIONS] IMAGE", spellings: spellings("image history", "history"), arity: .exactly(1),
        candidates: allImages, action: Action.history,
        flags: [
            tableFormat, .bool("human", short: "H", default: true, "Print sizes and dates in human readable format"),
            .bool("no-trunc", "Don't truncate output"), .bool("quiet", short: "q", "Only show image IDs"),
        ])

    // MARK: System

    private static let version = Verb(
        "version", "Show the version information", group: "Common Commands", action: Action.version, flags: [format])

    private static func info(at group: String? = nil) -> Verb {
        Verb("info", "Display system-wide information", spellings: spellings("system info", "info"), group: group, action: Action.info, flags: [format])
    }

    private static func events() -> Verb {
        Verb(
            "events", "Get real time events from the server", spellings: spellings("system events", "events"), action: Action.events,
            flags: [
                filter, .string("format", dockerFormats), .string("since", "Show all events created since timestamp"),
                .string("until", "Stream events until this timestamp"),
            ])
    }
}
