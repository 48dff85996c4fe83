// What goes in comes out.
import Glibc
import LinuxABI
import Testing

@testable import TraceLog

@Suite struct RoundTripTests {
    @Test(arguments: [0, 1, 2, 7, 1000, 5000])
    func everyRecordComesBackAsItWas(count: Int) throws {
        let sandbox = Sandbox()
        let sample = SampleLog(calls: count)
        try sample.write(to: sandbox.file("a"), perBlock: 900)
        let trace = try Trace.load(path: sandbox.file("a"))
        #expect(trace.recovery.isComplete)
        #expect(trace.header == sample.header)
        #expect(trace.snapshot == sample.snapshot)
        #expect(trace.calls == sample.calls)
        #expect(trace.tasks == sample.tasks)
        #expect(trace.signals == sample.signals)
        #expect(trace.paths == sample.paths)
        var trailer = sample.trailer
        trailer.calls = UInt64(count)
        #expect(trace.trailer == trailer)
    }
}
