// The limits of a cgroup, read without `Codable`. Why: JSONReadable.swift.

extension RuntimeSpec.Linux.Resources: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        devices = try object.objects("devices")
        memory = try object.object("memory")
        cpu = try object.object("cpu")
        pids = try object.object("pids")
        blockIO = try object.object("blockIO")
        hugepageLimits = try object.objects("hugepageLimits")
        network = try object.object("network")
        rdma = try object.objects(byName: "rdma")
        unified = try object.map("unified")
    }
}

extension RuntimeSpec.Linux.Resources.DeviceRule: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        allow = try object.needed("allow").decode(Bool.self)
        type = try object.string("type")
        major = try object.integer("major")
        minor = try object.integer("minor")
        access = try object.string("access")
    }
}

extension RuntimeSpec.Linux.Resources.Memory: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        limit = try object.integer("limit")
        reservation = try object.integer("reservation")
        swap = try object.integer("swap")
        kernel = try object.integer("kernel")
        kernelTCP = try object.integer("kernelTCP")
        swappiness = try object.integer("swappiness")
        disableOOMKiller = try object.bool("disableOOMKiller")
        useHierarchy = try object.bool("useHierarchy")
        checkBeforeUpdate = try object.bool("checkBeforeUpdate")
    }
}

extension RuntimeSpec.Linux.Resources.CPU: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        shares = try object.integer("shares")
        quota = try object.integer("quota")
        burst = try object.integer("burst")
        period = try object.integer("period")
        realtimeRuntime = try object.integer("realtimeRuntime")
        realtimePeriod = try object.integer("realtimePeriod")
        cpus = try object.string("cpus")
        mems = try object.string("mems")
        idle = try object.integer("idle")
    }
}

extension RuntimeSpec.Linux.Resources.Pids: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        limit = try object.needed("limit").integer(Int64.self)
    }
}

extension RuntimeSpec.Linux.Resources.BlockIO: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        weight = try object.integer("weight")
        leafWeight = try object.integer("leafWeight")
        weightDevice = try object.objects("weightDevice")
        throttleReadBpsDevice = try object.objects("throttleReadBpsDevice")
        throttleWriteBpsDevice = try object.objects("throttleWriteBpsDevice")
        throttleReadIOPSDevice = try object.objects("throttleReadIOPSDevice")
        throttleWriteIOPSDevice = try object.objects("throttleWriteIOPSDevice")
    }
}

extension RuntimeSpec.Linux.Resources.WeightDevice: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        major = try object.needed("major").integer(Int64.self)
        minor = try object.needed("minor").integer(Int64.self)
        weight = try object.integer("weight")
        leafWeight = try object.integer("leafWeight")
    }
}

extension RuntimeSpec.Linux.Resources.ThrottleDevice: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        major = try object.needed("major").integer(Int64.self)
        minor = try object.needed("minor").integer(Int64.self)
        rate = try object.integer("rate")
    }
}

extension RuntimeSpec.Linux.Resources.HugepageLimit: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        pageSize = try object.needed("pageSize").decode(String.self)
        limit = try object.needed("limit").integer(UInt64.self)
    }
}

extension RuntimeSpec.Linux.Resources.Network: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        classID = try object.integer("classID")
        priorities = try object.objects("priorities")
    }
}

extension RuntimeSpec.Linux.Resources.InterfacePriority: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        name = try object.needed("name").decode(String.self)
        priority = try object.needed("priority").integer(UInt32.self)
    }
}

extension RuntimeSpec.Linux.Resources.Rdma: JSONReadable {
    init(_ object: JSONReader) throws {
        try object.checkObject()
        hcaHandles = try object.integer("hcaHandles")
        hcaObjects = try object.integer("hcaObjects")
    }
}
