// BlockingPool owns the threads on which the daemon waits: for a disk, a mount, a process. The
// cooperative threads of Swift's tasks are as many as cores, and one that waits is one core less.
import Faults
import Glibc

/// A bounded pool of threads for calls that block. Threads are made when there is work, at most
/// ``threadsMax``, and end when they were idle for ``idleSecondsMax``.
package final class BlockingPool: Sendable {
    /// The pool of this process.
    package static let shared = BlockingPool(threadsMax: 24)

    /// The most threads at once.
    package let threadsMax: Int
    /// The most jobs that wait for a thread; one more is refused with `unavailable`.
    package static let waitingMax = 16_384
    /// How long a thread waits for the next job before it ends.
    package static let idleSecondsMax = 10
    /// Enough for the deepest walk of a directory tree; only touched pages cost memory.
    private static let stackBytes = 1 << 20

    private let queue = JobQueue()

    /// Makes a pool; nothing runs before the first job.
    package init(threadsMax: Int) { self.threadsMax = threadsMax }

    /// Runs `body` on a thread of the pool while the caller's task is suspended.
    /// - Throws: the fault of `body`, or `unavailable` when too many jobs wait already.
    package func run<R: Sendable>(_ body: @escaping @Sendable () throws(Fault) -> R) async throws(Fault) -> R {
        let result: Result<R, Fault> = await withCheckedContinuation { continuation in
            let job: @Sendable () -> Void = {
                do throws(Fault) { continuation.resume(returning: .success(try body())) } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
            switch queue.add(job, threadsMax: threadsMax, waitingMax: BlockingPool.waitingMax) {
            case .taken: break
            case .needsThread:
                if !startThread() && !queue.threadIsMissing() {
                    // No thread at all could be made: better late on this one than never.
                    queue.runWaiting()
                }
            case .full:
                let fault = Fault(.unavailable, "too many operations wait for a disk or a process (\(BlockingPool.waitingMax))")
                continuation.resume(returning: .failure(fault))
            }
        }
        return try result.get()
    }

    /// Whether a thread was made for the queue.
    private func startThread() -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, BlockingPool.stackBytes)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(queue).toOpaque()
        let error = pthread_create(&thread, &attributes, { context in
            guard let context else { return nil }
            Unmanaged<JobQueue>.fromOpaque(context).takeRetainedValue().serve(idleSeconds: BlockingPool.idleSecondsMax)
            return nil
        }, context)
        if error != 0 { Unmanaged<JobQueue>.fromOpaque(context).release() }
        return error == 0
    }
}

/// The jobs that wait, and the count of threads that take them.
/// Safe because every access to the fields is made with `mutex` held.
private final class JobQueue: @unchecked Sendable {
    enum Added { case taken, needsThread, full }

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let arrived: UnsafeMutablePointer<pthread_cond_t>
    private var jobs: [@Sendable () -> Void] = []
    private var head = 0
    private var threads = 0
    private var idle = 0

    init() {
        mutex = .allocate(capacity: 1)
        arrived = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        arrived.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(arrived, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(arrived)
        pthread_mutex_destroy(mutex)
        arrived.deallocate()
        mutex.deallocate()
    }

    /// Adds a job and says whether the caller has to make a thread for it.
    func add(_ job: @escaping @Sendable () -> Void, threadsMax: Int, waitingMax: Int) -> Added {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let waiting = jobs.count - head
        guard waiting < waitingMax else { return .full }
        jobs.append(job)
        if idle > waiting {
            pthread_cond_signal(arrived)
            return .taken
        }
        guard threads < threadsMax else { return .taken }
        threads += 1
        return .needsThread
    }

    /// Takes back the count of a thread that could not be made; whether others are there.
    func threadIsMissing() -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        threads -= 1
        return threads > 0
    }

    /// Runs what waits, on the caller's thread.
    func runWaiting() {
        while let job = takeNow() { job() }
    }

    /// The life of one thread.
    func serve(idleSeconds: Int) {
        while let job = take(idleSeconds: idleSeconds) { job() }
    }

    private func takeNow() -> (@Sendable () -> Void)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return next()
    }

    /// The next job, or nil (and one thread less) after a long time without any.
    private func take(idleSeconds: Int) -> (@Sendable () -> Void)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        deadline.tv_sec += idleSeconds
        while true {
            if let job = next() { return job }
            idle += 1
            let waited = pthread_cond_timedwait(arrived, mutex, &deadline)
            idle -= 1
            if waited == ETIMEDOUT {
                if let job = next() { return job }
                threads -= 1
                return nil
            }
        }
    }

    /// Called with the mutex held.
    private func next() -> (@Sendable () -> Void)? {
        guard head < jobs.count else { return nil }
        let job = jobs[head]
        head += 1
        if head == jobs.count {
            jobs.removeAll(keepingCapacity: jobs.capacity <= 64)
            head = 0
        } else if head >= 512 {
            jobs.removeFirst(head)
            head = 0
        }
        return job
    }
}
