/// What the processes of a cgroup use, at one moment. A controller that is missing is nil.
package struct CgroupStatistics: Hashable, Sendable {
    /// Memory in bytes.
    package struct Memory: Hashable, Sendable {
        /// In use, page cache included.
        package var usageBytes: UInt64
        /// The most that was in use, where the kernel keeps it.
        package var peakBytes: UInt64?
        /// The limit; nil where there is none.
        package var limitBytes: UInt64?
        /// Swap in use, where it is accounted.
        package var swapBytes: UInt64?
        /// How often the limit was met.
        package var limitHits: UInt64
        /// The kernel's memory.stat, by its names.
        package var details: [String: UInt64]
    }

    /// Processor time.
    package struct CPU: Hashable, Sendable {
        /// All of it.
        package var usageNanoseconds: UInt64
        /// In programs.
        package var userNanoseconds: UInt64
        /// In the kernel.
        package var systemNanoseconds: UInt64
        /// By processor, where the kernel keeps it.
        package var perProcessorNanoseconds: [UInt64]
        /// Quota periods that have passed.
        package var periods: UInt64
        /// Those in which the quota was used up.
        package var throttledPeriods: UInt64
        /// For how long.
        package var throttledNanoseconds: UInt64
    }

    /// Numbers of processes and threads.
    package struct Pids: Hashable, Sendable {
        /// Those that exist.
        package var current: UInt64
        /// The limit; nil where there is none.
        package var limit: UInt64?
    }

    /// What went to or came from one block device.
    package struct BlockIO: Hashable, Sendable {
        /// The device's major number.
        package var major: UInt32
        /// The device's minor number.
        package var minor: UInt32
        /// Bytes and operations.
        package var readBytes: UInt64 = 0
        package var writeBytes: UInt64 = 0
        package var reads: UInt64 = 0
        package var writes: UInt64 = 0
    }

    /// Memory.
    package var memory: Memory?
    /// Processor time.
    package var cpu: CPU?
    /// Processes.
    package var pids: Pids?
    /// Block devices.
    package var blockIO: [BlockIO] = []
    /// Processes killed because memory was full.
    package var oomKills: UInt64?
}
