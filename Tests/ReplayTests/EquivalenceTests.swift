// Values are compared by the rule of their field.
import LinuxABI
import Testing

@testable import Replay

@Suite("Equivalence")
struct EquivalenceTests {
    private func compare(_ pairs: [(Value, Value)], names: Bijections = Bijections()) -> [Difference] {
        var comparison = Comparison(
            names: names,
            order: OrderKeeper(),
            scopes: NameScopes(descriptors: 1, pids: 0, addresses: 2)
        )
        for (left, right) in pairs { comparison.compare(left, right, "field") }
        return comparison.differences
    }
    private func name(_ value: Int64, _ space: NameSpace) -> Value { .scalar(value, .unsigned, .renamed(space)) }

    @Test("Names may differ as long as they differ the same way")
    func renamed() {
        #expect(compare([(name(10, .pid), name(70, .pid)), (name(11, .pid), name(71, .pid))]).isEmpty)
        #expect(compare([(name(10, .pid), name(70, .pid)), (name(10, .pid), name(70, .pid))]).isEmpty)
    }

    @Test("A clash of names in either direction is a difference")
    func clash() {
        #expect(compare([(name(10, .pid), name(70, .pid)), (name(10, .pid), name(71, .pid))]).count == 1)
        #expect(compare([(name(10, .pid), name(70, .pid)), (name(11, .pid), name(70, .pid))]).count == 1)
    }

    @Test("A name that was given up may stand for another thing")
    func generations() {
        let bijection = Bijection()
        #expect(bijection.create(3, 7) == .agrees)
        #expect(bijection.renamed == 1)
        #expect(bijection.relate(3, 8) == .recordedBound(to: 7))
        #expect(bijection.relate(4, 7) == .engineBound(to: 3))
        bijection.unbind(3)
        #expect(bijection.create(3, 8) == .agrees)
        #expect(bijection.create(4, 8) == .engineBound(to: 3))
        #expect(bijection.renamed == 1)
    }

    @Test("Special values are no names: they must be equal")
    func special() {
        #expect(compare([(name(-100, .fd), name(3, .fd))]).count == 1)
        #expect(compare([(name(0, .pid), name(5, .pid))]).count == 1)
        #expect(compare([(name(-1, .pid), name(-1, .pid))]).isEmpty)
    }

    @Test("Times keep their order, not their value")
    func ordered() {
        func time(_ seconds: Int64, _ fraction: Int64) -> Value {
            .structure([
                .init("tv_sec", .scalar(seconds, .signed, .ordered)),
                .init("tv_nsec", .scalar(fraction, .signed, .ordered)),
            ])
        }
        #expect(compare([(time(1, 900), time(50, 1)), (time(2, 100), time(50, 2))]).isEmpty)
        #expect(compare([(time(1, 900), time(50, 2)), (time(2, 100), time(50, 1))]).count == 1)
        #expect(compare([(time(2, 0), time(50, 2)), (time(1, 0), time(40, 1))]).isEmpty, "the clock was set")
    }

    @Test("Sets may come in any order, and what is in one only is named")
    func sets() {
        func entry(_ inode: Int64, _ name: String) -> Value {
            .structure([.init("d_ino", self.name(inode, .inode)), .init("d_name", .string(Array(name.utf8), .exact))])
        }
        let recorded: Value = .list([entry(1, "a"), entry(2, "b")], .set)
        #expect(compare([(recorded, .list([entry(9, "b"), entry(8, "a")], .set))]).isEmpty)
        let differences = compare([(recorded, .list([entry(8, "a"), entry(9, "c")], .set))])
        #expect(differences.count == 1)
        #expect(differences[0].rule == "set")
        #expect(differences[0].recorded.contains("\"b\""))
        #expect(differences[0].engine.contains("\"c\""))
    }

    @Test("Related addresses keep their alignment; class compares lengths only; ignored compares nothing")
    func looseRules() {
        func related(_ value: Int64) -> Value { .scalar(value, .address, .related) }
        #expect(compare([(related(0x1000), related(0x7000))]).isEmpty)
        #expect(compare([(related(0x1000), related(0x7010))]).count == 1)
        let random: (Int) -> Value = { .bytes([UInt8](repeating: 1, count: $0), fullLength: $0, .class) }
        #expect(compare([(random(4), .bytes([9, 9, 9, 9], fullLength: 4, .class))]).isEmpty)
        #expect(compare([(random(4), random(5))]).count == 1)
        #expect(compare([(.scalar(1, .signed, .ignored), .scalar(2, .signed, .ignored))]).isEmpty)
    }

    @Test("A signal's mark on a result is one class, whatever kernel wrote it")
    func interrupted() {
        #expect(InterruptedClass(-4) == InterruptedClass(-512))
        #expect(InterruptedClass(-514) == InterruptedClass(-516))
        #expect(InterruptedClass(-513) != InterruptedClass(-512))
        #expect(InterruptedClass(-11) == nil)
    }

    @Test("Engine writes lie over input memory, later over earlier")
    func memory() {
        let input = MemoryChunks([.init(address: 0x100, bytes: [1, 2, 3, 4])])
        let memory = EngineMemory(
            [.init(address: 0x101, bytes: [9, 9]), .init(address: 0x102, bytes: [7])],
            over: input
        )
        #expect(memory.read(0x100, count: 4) == .bytes([1, 9, 7, 4]))
        #expect(memory.read(0x102, count: 4) == .cut([7, 4], length: 4))
        #expect(memory.read(0x200, count: 1) == .absent)
    }

    @Test("Shifted mappings translate inside, and only there")
    func addresses() {
        let names = Bijections()
        names.map(0x10000, length: 0x4000, engine: 0x90000, in: 2)
        #expect(names.engineAddress(0x11000, in: 2) == 0x91000)
        names.unmap(0x11000, length: 0x1000, in: 2)
        #expect(names.engineAddress(0x10000, in: 2) == 0x90000)
        #expect(names.engineAddress(0x11000, in: 2) == 0x11000)
        #expect(names.engineAddress(0x13000, in: 2) == 0x93000)
    }
}
