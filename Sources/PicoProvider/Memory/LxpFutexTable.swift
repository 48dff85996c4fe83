// Waiters on futex words (nt-mapping.tsv: a provider hash table over kernel wait objects).
import Engine
import LinuxABI

/// A word: an address in an address space. Words in shared mappings of a file or segment are the same wherever mapped.
struct LxpFutexKey: Hashable {
    let space: ObjectIdentifier
    let word: UInt64

    init(_ space: LxAddressSpace, _ address: UInt64) {
        if let region = space.overlapping(address, address + 1).first, region.isShared {
            if let mapping = region.mapping {
                self.space = ObjectIdentifier(mapping.inode ?? mapping)
                word = UInt64(region.offset) + (address - region.start)
                return
            }
            if let segment = region.segment {
                self.space = ObjectIdentifier(segment)
                word = address - region.start
                return
            }
            // Shared anonymous memory keeps its address over fork.
            self.space = ObjectIdentifier(LxpFutexKey.sharedAnonymous)
            word = address
            return
        }
        self.space = ObjectIdentifier(space)
        word = address
    }

    private static let sharedAnonymous = LxpSharedAnonymous()
}

private final class LxpSharedAnonymous: Sendable {}

final class LxpFutexWaiter {
    let thread: LxThread
    let bitset: UInt32
    var isWoken = false

    init(thread: LxThread, bitset: UInt32) {
        self.thread = thread
        self.bitset = bitset
    }
}

struct LxpFutexTable {
    private var waiters: [LxpFutexKey: [LxpFutexWaiter]] = [:]

    mutating func add(_ key: LxpFutexKey, _ waiter: LxpFutexWaiter) { waiters[key, default: []].append(waiter) }

    func first(_ key: LxpFutexKey) -> LxpFutexWaiter? { waiters[key]?.first }

    @discardableResult
    mutating func wake(_ key: LxpFutexKey, count: Int, bitset: UInt32) -> Int {
        guard var list = waiters[key] else { return 0 }
        var woken = 0
        list.removeAll { waiter in
            guard woken < count, waiter.bitset & bitset != 0 else { return false }
            waiter.isWoken = true
            woken += 1
            return true
        }
        waiters[key] = list.isEmpty ? nil : list
        return woken
    }

    mutating func requeue(_ key: LxpFutexKey, to other: LxpFutexKey, count: Int) -> Int {
        guard let list = waiters[key], count > 0 else { return 0 }
        let moved = list.prefix(count)
        waiters[key] = list.count > count ? Array(list.dropFirst(count)) : nil
        waiters[other, default: []] += moved
        return moved.count
    }

    mutating func forget(_ thread: LxThread) {
        guard !waiters.isEmpty else { return }
        for (key, list) in waiters where list.contains(where: { $0.thread === thread }) {
            let rest = list.filter { $0.thread !== thread }
            waiters[key] = rest.isEmpty ? nil : rest
        }
    }
}
