// Replays a whole corpus, a few traces at a time.
import Compat
import FoundationEssentials
import Glibc
import Replay
import TraceLog

struct CorpusReplay {
    let corpus: Corpus
    /// Options of `lacuna replay`.
    let arguments: [String]
    /// Seconds for one trace.
    let timeLimit: Double
    /// Replays that run beside each other.
    let jobs: Int

    /// What became of each workload, by name.
    func outcomes() throws -> [String: WorkloadOutcome] {
        var outcomes: [String: WorkloadOutcome] = [:]
        var waiting = corpus.workloads.reversed() as [Workload]
        var running: [(workload: Workload, process: ReplayProcess)] = []
        var progress = Progress()
        while !waiting.isEmpty || !running.isEmpty {
            while running.count < jobs,
                let next = waiting.lastIndex(where: { $0.mayRun(beside: running.lazy.map(\.workload)) })
            {
                let workload = waiting.remove(at: next)
                guard access(workload.tracePath, F_OK) == 0 else {
                    outcomes[workload.name] = .noTrace("\(workload.tracePath) is missing", missing: true)
                    continue
                }
                running.append((workload, try ReplayProcess(workload.tracePath, arguments, timeLimit: timeLimit)))
            }
            progress.update(
                "\(outcomes.count) of \(corpus.workloads.count) replayed; "
                    + running.map(\.workload.name).joined(separator: ", ")
            )
            var over: [(Workload, ReplayProcess.Ending)] = []
            running.removeAll { workload, process in
                guard let ending = process.poll() else { return false }
                over.append((workload, ending))
                return true
            }
            for (workload, ending) in over { outcomes[workload.name] = outcome(workload, ending) }
            if over.isEmpty { usleep(5000) }
        }
        progress.finish()
        return outcomes
    }

    private func outcome(_ workload: Workload, _ ending: ReplayProcess.Ending) -> WorkloadOutcome {
        let trace: Trace
        do throws(TraceError) {
            trace = try Trace.load(path: workload.tracePath)
        } catch {
            return .noTrace(error.description, missing: false)
        }
        if let damage = trace.recovery.error { return .noTrace(damage.description, missing: false) }
        switch ending {
        case .broke(let reason): return .engineFailed(reason, WorkloadObservation())
        case .result(let bytes):
            guard let result = try? JSONDecoder().decode(ReplayResult.self, from: Data(bytes)) else {
                return .engineFailed("the replay's result cannot be read", WorkloadObservation())
            }
            return WorkloadOutcome(result, of: trace)
        }
    }
}
