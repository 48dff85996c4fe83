// madvise: what can be thrown away goes back to NT, the rest is advice.
import Engine
import LinuxABI

private let adviceKnown: Set<Int32> = Set(
    [
        "MADV_NORMAL", "MADV_RANDOM", "MADV_SEQUENTIAL", "MADV_WILLNEED", "MADV_DONTNEED", "MADV_DONTFORK",
        "MADV_DOFORK", "MADV_HUGEPAGE", "MADV_NOHUGEPAGE", "MADV_DONTDUMP", "MADV_DODUMP", "MADV_FREE",
    ].map(abiInt)
)
private let adviceDiscard = abiInt("MADV_DONTNEED")
private let adviceFree = abiInt("MADV_FREE")
private let adviceMergeable: Set<Int32> = [abiInt("MADV_MERGEABLE"), abiInt("MADV_UNMERGEABLE")]

func LxpSyscall_MADVISE(_ c: LxpCall) throws(LxFailure) -> Int64 {
    guard c[0] % LxAddressSpace.pageSize == 0 else { throw .errno(.EINVAL) }
    if adviceMergeable.contains(c.int(2)) {
        throw .unsupported(.EINVAL, note: "there is no page merging", source: "LTP:16273")
    }
    if !adviceKnown.contains(c.int(2)) {
        c.partial("advice that is not known succeeds", "LTP:16251")
    }
    let length = LxpPages(c[1])
    if c[0] <= LxAddressSpace.highest, length <= LxAddressSpace.highest - c[0],
        c.group.address.hasHole(c[0], c[0] + length)
    {
        throw .errno(.ENOMEM)
    }
    if c.int(2) == adviceDiscard || c.int(2) == adviceFree {
        try LxpStatus.check(c.engine.ntDiscard(c.group.address, c[0], c[0] &+ length, keeps: c.int(2) == adviceFree))
    }
    return 0
}
