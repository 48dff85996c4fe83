// The marked inputs of a call, looked up before it runs.
import LinuxABI
import TraceLog

extension RecordedWorld {
    /// Counts who is used by the call, once per call.
    ///
    /// - Parameter names: those of its arguments by which something is used (``CallPlan/usedNames``).
    func countUses(by call: RecordedCall, _ names: [NameArgument], _ task: TaskState) {
        for argument in names {
            let value = argument.value(call.record.arguments)
            guard Comparison.isName(value, argument.space) else { continue }
            switch argument.space {
            case .fd:
                use(of: description(Int32(truncatingIfNeeded: value), in: task)?.createdBy, by: call)
            case .pid, .address: break
            default:
                if !makers.isEmpty { use(of: makers[.init(argument.space)]?[UInt64(bitPattern: value)], by: call) }
            }
        }
    }

    /// Collects the marks on what the call uses.
    func inputs(of call: RecordedCall, _ variant: Variant) -> Inputs {
        var inputs = Inputs()
        guard hasMarks else { return inputs }
        let task = task(call.record.task)
        if call.known == .close, hasNoMarks(call.fd(0), in: task) { return inputs }
        for argument in variant.names {
            let (space, value) = (argument.space, argument.value(call.record.arguments))
            guard Comparison.isName(value, space) else { continue }
            switch space {
            case .fd:
                guard let description = description(Int32(truncatingIfNeeded: value), in: task) else { continue }
                inputs.add(description.mark, "fd \(value)")
                inputs.add(description.node?.mark, "file behind fd \(value)")
                if let path = description.path { inputs.add(marks.mark(onPath: path), "path \(path)") }
            case .pid:
                guard let named = self.task(pid: Int32(truncatingIfNeeded: value), seenBy: task) else { continue }
                inputs.add(named.absentMark ?? named.mark, "pid \(value)")
            case .address:
                inputs.add(marks.mark(at: call.word(argument.index), in: task.memory), "mapping at \(value)")
            default:
                inputs.add(marks.ids[.init(space)]?[UInt64(bitPattern: value)], "\(space.rawValue) id \(value)")
            }
        }
        paths(call, in: task).visit { path in
            inputs.add(path.node?.mark, "file \(path.text)")
            inputs.add(marks.mark(onPath: path.text), "path \(path.text)")
        }
        descriptorsBehindPaths(call) { fd in
            guard let description = description(fd, in: task) else { return }
            inputs.add(description.mark, "fd \(fd)")
            inputs.add(description.node?.mark, "file behind fd \(fd)")
            if let path = description.path { inputs.add(marks.mark(onPath: path), "path \(path)") }
        }
        nestedDescriptors(call, variant) { fd in
            inputs.add(description(fd, in: task)?.mark, "fd \(fd)")
        }
        inputs.add(
            marks.mark(onInput: call.input.chunks, in: task.memory),
            "memory an earlier call should have written"
        )
        if usesWorkingDirectory(call) {
            inputs.add(task.directories.workingDirectoryMark, "working directory", isAmbient: true)
        }
        inputs.add(task.absentMark, "the task itself", isAmbient: true)
        inputs.add(task.namespaceMark, "namespaces of the task", isAmbient: true)
        if call.known == .wait4 || call.known == .waitid {
            for child in tasks.values where child.parent == task.id {
                inputs.add(child.absentMark ?? child.mark, "child \(child.tid)")
            }
        }
        return inputs
    }

    /// Whether neither a descriptor nor its task has a mark.
    private func hasNoMarks(_ fd: Int32, in task: TaskState) -> Bool {
        guard marks.paths.isEmpty, task.absentMark == nil, task.namespaceMark == nil else { return false }
        guard let description = description(fd, in: task) else { return true }
        return description.mark == nil && description.node?.mark == nil
    }

    /// Marks that explain only some outcomes: refusals by credentials, signals that came or did not.
    func conditionalInputs(_ task: TaskState, engine: Int64?, recorded: Int64) -> Inputs {
        var inputs = Inputs()
        let refusals: [Int64] = [-Int64(Errno.EPERM.rawValue), -Int64(Errno.EACCES.rawValue)]
        if refusals.contains(recorded) || engine.map(refusals.contains) == true {
            inputs.add(task.credentialMark, "credentials of the task", isAmbient: true)
        }
        if engine == nil || InterruptedClass(recorded) != nil || engine.flatMap(InterruptedClass.init) != nil {
            inputs.add(task.signalMark, "signal mask of the task", isAmbient: true)
        }
        return inputs
    }

    /// Descriptors that paths of the form `/proc/PID/fd/N` lead through.
    private func descriptorsBehindPaths(_ call: RecordedCall, _ body: (Int32) -> Void) {
        call.known?.pathArguments(call.record.arguments).visit { argument in
            guard let bytes = call.input.pathBytes(call.word(argument.path)),
                bytes.drop(while: { $0 == UInt8(ascii: "/") }).starts(with: "proc/".utf8)
            else { return }
            let parts = String(decoding: bytes, as: UTF8.self).split(separator: "/")
            guard parts.count > 3, parts[0] == "proc", parts[2] == "fd", let fd = Int32(parts[3]) else { return }
            body(fd)
        }
    }

    /// Descriptors inside input memory: poll sets, select sets, passed descriptors.
    private func nestedDescriptors(_ call: RecordedCall, _ variant: Variant, _ body: (Int32) -> Void) {
        switch call.known {
        case .poll, .ppoll:
            for index in 0..<min(call.word(1), 1024) {
                if let fd = call.input.int32(call.word(0) + index * 8), fd >= 0 { body(fd) }
            }
        case .sendmsg: for (fd, _) in passedDescriptors(call.input, call) { body(fd) }
        case .select, .pselect6:
            for set in 1...3 where call.word(set) != 0 {
                for fd in 0..<Int32(clamping: min(call.word(0), 1024)) {
                    guard let word = call.input.integer(call.word(set) + UInt64(fd / 64) * 8, count: 8) else { break }
                    if word & 1 << UInt64(fd % 64) != 0 { body(fd) }
                }
            }
        default: break
        }
    }

    private func usesWorkingDirectory(_ call: RecordedCall) -> Bool {
        guard let known = call.known else { return false }
        if known == .getcwd { return true }
        var uses = false
        known.pathArguments(call.record.arguments).visit { argument in
            let bytes = call.input.pathBytes(call.word(argument.path))
            let isRelative = bytes.map { $0.first != UInt8(ascii: "/") } ?? false
            let directory = argument.directory.map { call.fd($0) } ?? Linux.atWorkingDirectory
            if isRelative, directory == Linux.atWorkingDirectory { uses = true }
        }
        return uses
    }
}
