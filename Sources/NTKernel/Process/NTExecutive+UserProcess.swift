// Ordinary Windows processes: the programs beside the provider's.

extension NTExecutive {
    /// `NtCreateUserProcess`: a process with one thread that runs at once.
    ///
    /// - Parameters:
    ///   - image: the program's file, which is mapped as an image; null: one that the model does not have.
    ///   - token: nil: the parent's.
    ///   - thread: the first thread; the caller gets no handle, as one that closed both at once.
    /// - Returns: `STATUS_PROCESS_IS_TERMINATING` (the parent), `STATUS_OBJECT_NAME_INVALID` for an empty image name, and
    ///   what ``NtCreateSection(_:image:)`` answers.
    public func NtCreateUserProcess(
        imageName: String,
        commandLine: String,
        image: Handle = .null,
        token: AccessToken? = nil,
        parent: EProcess? = nil,
        thread: inout EThread?
    ) -> NTSTATUS {
        guard !imageName.isEmpty else {
            return trace("NtCreateUserProcess", .name(imageName), .STATUS_OBJECT_NAME_INVALID)
        }
        if let parent, parent.isExiting {
            return trace("NtCreateUserProcess", .name(imageName), .STATUS_PROCESS_IS_TERMINATING)
        }
        var section = Handle.null
        if image != .null {
            let status = NtCreateSection(&section, image: image)
            guard status.isSuccess else { return trace("NtCreateUserProcess", .name(imageName), status) }
        }
        let process = EProcess(
            id: takeUniqueID(),
            kind: .normal,
            token: token ?? (parent ?? systemProcess).token,
            parent: parent ?? systemProcess,
            imageName: imageName,
            granularity: .allocation
        )
        process.commandLine = commandLine
        process.job = nil
        processes[process.uniqueProcessID] = process  // the creator's reference is PspCidTable's
        let first = EThread(id: takeUniqueID(), process: process, registers: Context(), suspended: false)
        process.threads.append(first)
        thread = first
        if section != .null {
            // The view keeps the section.
            var (base, size) = (UInt64(0), UInt64(0))
            _ = NtMapViewOfSection(
                section,
                process: process,
                base: &base,
                offset: 0,
                viewSize: &size,
                protection: .executeWriteCopy
            )
            NtClose(section)
        }
        return trace("NtCreateUserProcess", .name(imageName), .STATUS_SUCCESS)
    }

    /// `NtTerminateProcess(NtCurrentProcess())`, as `ExitProcess` calls it.
    ///
    /// - Returns: `STATUS_PROCESS_IS_TERMINATING` the second time.
    @discardableResult
    public func NtTerminateProcess(_ process: EProcess, exitCode: UInt32) -> NTSTATUS {
        let status = terminate(process, .STATUS_SUCCESS, exitCode: exitCode)
        return trace("NtTerminateProcess", .name(process.imageName), status)
    }

    /// Who runs from here on; nil: the System process.
    public func KeSetCurrentThread(_ thread: EThread?) { currentThread = thread }

    /// Lets `body` run in the context of a thread: handles go into its process's table, checks use its token.
    public func perform<Result, Failure: Error>(
        as thread: EThread?,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let previous = currentThread
        currentThread = thread
        defer { currentThread = previous }
        return try body()
    }

    /// `\??\C:`: the volume behind a drive letter.
    public func volume(ofDrive letter: Character) -> NtfsVolume? {
        (lookupName(["??", "\(letter):"]).object as? DeviceObject)?.volume
    }

    /// Mounts a volume and gives it a drive letter, as the mount manager does.
    public func IoMountVolume(drive letter: Character, label: String, features: NtfsVolume.Features) -> NtfsVolume {
        let volume = IoMountVolume(label: label, features: features)
        NtCreateSymbolicLinkObject(name: "\\??\\\(letter):", target: volume.device.objectName ?? "")
        return volume
    }
}
