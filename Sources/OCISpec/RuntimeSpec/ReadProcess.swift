// The root of a configuration, its mounts, hooks and processes, read without `Codable`. Why: JSONReadable.swift.

extension RuntimeSpec: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        ociVersion = try object.needed("ociVersion").decode(String.self)
        root = try object.object("root")
        process = try object.object("process")
        hostname = try object.string("hostname")
        domainname = try object.string("domainname")
        mounts = try object.objects("mounts")
        hooks = try object.object("hooks")
        annotations = try object.map("annotations")
        linux = try object.object("linux")
    }
}

extension RuntimeSpec.Root: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        path = try object.needed("path").decode(String.self)
        readonly = try object.bool("readonly")
    }
}

extension RuntimeSpec.Mount: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        destination = try object.needed("destination").decode(String.self)
        type = try object.string("type")
        source = try object.string("source")
        options = try object.strings("options")
        uidMappings = try object.objects("uidMappings")
        gidMappings = try object.objects("gidMappings")
    }
}

extension RuntimeSpec.Hooks: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        prestart = try object.objects("prestart")
        createRuntime = try object.objects("createRuntime")
        createContainer = try object.objects("createContainer")
        startContainer = try object.objects("startContainer")
        poststart = try object.objects("poststart")
        poststop = try object.objects("poststop")
    }
}

extension RuntimeSpec.Hook: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        path = try object.needed("path").decode(String.self)
        args = try object.strings("args")
        env = try object.strings("env")
        timeout = try object.integer("timeout")
    }
}

extension RuntimeSpec.Process: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        terminal = try object.bool("terminal")
        consoleSize = try object.object("consoleSize")
        user = try object.object("user")
        args = try object.strings("args")
        commandLine = try object.string("commandLine")
        env = try object.strings("env")
        cwd = try object.needed("cwd").decode(String.self)
        capabilities = try object.object("capabilities")
        rlimits = try object.objects("rlimits")
        noNewPrivileges = try object.bool("noNewPrivileges")
        apparmorProfile = try object.string("apparmorProfile")
        oomScoreAdj = try object.integer("oomScoreAdj")
        selinuxLabel = try object.string("selinuxLabel")
        ioPriority = try object.object("ioPriority")
        scheduler = try object.object("scheduler")
        execCPUAffinity = try object.object("execCPUAffinity")
    }
}

extension RuntimeSpec.ConsoleSize: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        height = try object.needed("height").integer(UInt64.self)
        width = try object.needed("width").integer(UInt64.self)
    }
}

extension RuntimeSpec.User: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        uid = try object.integer("uid")
        gid = try object.integer("gid")
        umask = try object.integer("umask")
        additionalGids = try object.integers("additionalGids")
        username = try object.string("username")
    }
}

extension RuntimeSpec.Capabilities: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        bounding = try object.strings("bounding")
        effective = try object.strings("effective")
        inheritable = try object.strings("inheritable")
        permitted = try object.strings("permitted")
        ambient = try object.strings("ambient")
    }
}

extension RuntimeSpec.Rlimit: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        type = try object.needed("type").decode(String.self)
        soft = try object.needed("soft").integer(UInt64.self)
        hard = try object.needed("hard").integer(UInt64.self)
    }
}

extension RuntimeSpec.IOPriority: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        self.`class` = try object.needed("class").word()
        priority = try object.integer("priority")
    }
}

extension RuntimeSpec.Scheduler: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        policy = try object.needed("policy").word()
        nice = try object.integer("nice")
        priority = try object.integer("priority")
        flags = try object.words("flags")
        runtime = try object.integer("runtime")
        deadline = try object.integer("deadline")
        period = try object.integer("period")
    }
}

extension RuntimeSpec.ExecCPUAffinity: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        initial = try object.string("initial")
        final = try object.string("final")
    }
}
