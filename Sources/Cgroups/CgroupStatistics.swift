/// What the processes of a cgroup use, at one moment. A controller that is missing is nil.
package struct CgroupStatistics: Hashable, Sendable {
    /// One resource that is counted against a limit, in bytes.
    package struct Counter: Hashable, Sendable {
        /// In use.
        package var usage: UInt64
        /// The most that was in use, where the kernel keeps it.
        package var peak: UInt64?
        /// The limit; nil where there is none.
        package var limit: UInt64?
        /// How often the limit was met.
        package var limitHits: UInt64
    }

    /// How long tasks waited for a resource, as shares of time and in all (v2; the kernel's psi).
    package struct Pressure: Hashable, Sendable {
        /// One line: percent of the last 10, 60 and 300 seconds, and microseconds.
        package struct Share: Hashable, Sendable {
            package var average10 = 0.0
            package var average60 = 0.0
            package var average300 = 0.0
            package var totalMicroseconds: UInt64 = 0
        }
        /// At least one task waited.
        package var some = Share()
        /// All tasks waited.
        package var full = Share()
    }

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
        /// Memory and swap together, where swap is accounted.
        package var withSwap: Counter?
        /// The kernel's part (v1).
        package var kernel: Counter?
        /// Buffers of TCP (v1).
        package var kernelTCP: Counter?
        /// The wait for memory.
        package var pressure: Pressure?
        /// Files in memory.
        package var cacheBytes: UInt64 { details["file"] ?? details["cache"] ?? 0 }
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
        /// The same in programs and in the kernel (v1).
        package var perProcessorUserNanoseconds: [UInt64] = []
        package var perProcessorSystemNanoseconds: [UInt64] = []
        /// Quota periods that have passed.
        package var periods: UInt64
        /// Those in which the quota was used up.
        package var throttledPeriods: UInt64
        /// For how long.
        package var throttledNanoseconds: UInt64
        /// The wait for processors.
        package var pressure: Pressure?
    }

    /// Which processors and memory nodes may be used.
    package struct Sets: Hashable, Sendable {
        /// Processors, by number.
        package var processors: [Int]
        /// Memory nodes, by number.
        package var nodes: [Int]
        /// The switches of v1 by their files' names without `cpuset.`.
        package var switches: [String: Int64]
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
    /// Processors and memory nodes.
    package var sets: Sets?
    /// Block devices.
    package var blockIO: [BlockIO] = []
    /// The wait for block devices.
    package var blockIOPressure: Pressure?
    /// Huge pages in bytes, by the size of a page in the kernel's words.
    package var hugePages: [String: Counter] = [:]
    /// Processes killed because memory was full.
    package var oomKills: UInt64?
}
