// A pthread of our own: blocking calls must not run on a thread that Swift's tasks share.
import Glibc

struct DedicatedThread: @unchecked Sendable {
    let handle: pthread_t

    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// nil when the system gives no thread. All signals stay with the caller's threads, except SIGURG.
    init?(_ run: @escaping () -> Void) {
        var handle = pthread_t()
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        sigdelset(&all, SIGURG)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        let argument = Unmanaged.passRetained(Body(run)).toOpaque()
        let code = pthread_create(
            &handle,
            nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run()
                return nil
            },
            argument
        )
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            Unmanaged<Body>.fromOpaque(argument).release()
            return nil
        }
        self.handle = handle
    }

    func join() { pthread_join(handle, nil) }

    /// Ends a blocking call of the thread with EINTR.
    func interrupt() { pthread_kill(handle, SIGURG) }
}
