// The Linux settings, read without `Codable`. Why: JSONReadable.swift.

extension RuntimeSpec.Linux: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        namespaces = try object.objects("namespaces")
        uidMappings = try object.objects("uidMappings")
        gidMappings = try object.objects("gidMappings")
        devices = try object.objects("devices")
        netDevices = try object.objects(byName: "netDevices")
        timeOffsets = try object.object("timeOffsets")
        cgroupsPath = try object.string("cgroupsPath")
        resources = try object.object("resources")
        rootfsPropagation = try object.string("rootfsPropagation")
        seccomp = try object.object("seccomp")
        sysctl = try object.map("sysctl")
        maskedPaths = try object.strings("maskedPaths")
        readonlyPaths = try object.strings("readonlyPaths")
        mountLabel = try object.string("mountLabel")
        intelRdt = try object.object("intelRdt")
        memoryPolicy = try object.object("memoryPolicy")
        personality = try object.object("personality")
    }
}

extension RuntimeSpec.Linux.Namespace: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        type = try object.needed("type").word()
        path = try object.string("path")
    }
}

extension RuntimeSpec.Linux.IDMapping: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        containerID = try object.needed("containerID").integer(UInt32.self)
        hostID = try object.needed("hostID").integer(UInt32.self)
        size = try object.needed("size").integer(UInt32.self)
    }
}

extension RuntimeSpec.Linux.Device: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        type = try object.needed("type").word()
        path = try object.needed("path").decode(String.self)
        major = try object.integer("major")
        minor = try object.integer("minor")
        fileMode = try object.integer("fileMode")
        uid = try object.integer("uid")
        gid = try object.integer("gid")
    }
}

extension RuntimeSpec.Linux.NetDevice: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        name = try object.string("name")
    }
}

extension RuntimeSpec.Linux.TimeOffsets: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        boottime = try object.object("boottime")
        monotonic = try object.object("monotonic")
    }
}

extension RuntimeSpec.Linux.TimeOffset: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        secs = try object.integer("secs")
        nanosecs = try object.integer("nanosecs")
    }
}

extension RuntimeSpec.Linux.IntelRdt: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        closID = try object.string("closID")
        schemata = try object.strings("schemata")
        l3CacheSchema = try object.string("l3CacheSchema")
        memBwSchema = try object.string("memBwSchema")
        enableMonitoring = try object.bool("enableMonitoring")
    }
}

extension RuntimeSpec.Linux.MemoryPolicy: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        mode = try object.word("mode")
        nodes = try object.string("nodes")
        flags = try object.words("flags")
    }
}

extension RuntimeSpec.Linux.Personality: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        domain = try object.word("domain")
        flags = try object.strings("flags")
    }
}

extension RuntimeSpec.Linux.Seccomp: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        defaultAction = try object.needed("defaultAction").word()
        defaultErrnoRet = try object.integer("defaultErrnoRet")
        architectures = try object.words("architectures")
        flags = try object.words("flags")
        listenerPath = try object.string("listenerPath")
        listenerMetadata = try object.string("listenerMetadata")
        syscalls = try object.objects("syscalls")
    }
}

extension RuntimeSpec.Linux.SeccompRule: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        names = try object.needed("names").strings()
        action = try object.needed("action").word()
        errnoRet = try object.integer("errnoRet")
        args = try object.objects("args")
    }
}

extension RuntimeSpec.Linux.SeccompArgument: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        index = try object.needed("index").integer(UInt32.self)
        value = try object.needed("value").integer(UInt64.self)
        valueTwo = try object.integer("valueTwo")
        op = try object.needed("op").word()
    }
}
