// Who a program of an instance runs as, and where: `wsl --user NAME --cd FOLDER`, and what wsl.conf says.
import Engine
import LinuxABI

/// A line of /etc/passwd.
struct LxssAccount: Equatable {
    var name: String
    var uid: UInt32
    var gid: UInt32
    var home: String
}

extension LxCredentials {
    /// After setgid, initgroups and setuid: a plain user has no capabilities.
    init(_ account: LxssAccount) {
        self.init()
        (uid, euid, suid, fsuid) = (account.uid, account.uid, account.uid, account.uid)
        (gid, egid, sgid, fsgid) = (account.gid, account.gid, account.gid, account.gid)
        groups = [account.gid]
        if account.uid != 0 { (permitted, effective) = (0, 0) }
    }
}

extension LxssInstance {
    /// The account of that name; nil: the one of wsl.conf (18980), or the registry's uid.
    ///
    /// - Throws: when the distribution has no such user.
    func account(_ name: String?) throws(EngineFailure) -> LxssAccount {
        let wanted = name ?? conf.defaultUser
        for line in (file("/etc/passwd") ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard fields.count >= 6, let uid = UInt32(fields[2]), let gid = UInt32(fields[3]) else { continue }
            if wanted.map({ fields[0] == $0 }) ?? (uid == distribution.defaultUserID) {
                return LxssAccount(name: fields[0], uid: uid, gid: gid, home: fields[5])
            }
        }
        guard wanted == nil, distribution.defaultUserID == 0 else {
            throw EngineFailure("User not found: \(wanted ?? "\(distribution.defaultUserID)") is not in /etc/passwd")
        }
        return LxssAccount(name: "root", uid: 0, gid: 0, home: "/root")
    }

    /// Whether a program can be started so.
    ///
    /// - Throws: when there is no such user or folder.
    public func check(user: String?, folder: String?) throws(LxssError) {
        guard user != nil || folder != nil else { return }
        do throws(EngineFailure) {
            let account = try account(user)
            guard let folder else { return }
            let path = self.folder(folder, of: account)
            guard let thread = engine.thread(TaskID(rawValue: 0)),
                engine.place(path, thread, follow: true)?.inode.isDirectory == true
            else { throw EngineFailure("--cd: the instance has no folder \(path)") }
        } catch {
            throw LxssError(error.description)
        }
    }

    /// What /init appends to PATH: the folders of Windows' own, as the distribution sees them (since 17713 wsl.conf may say no).
    var windowsPath: [String] {
        guard conf.hasInterop, conf.appendsWindowsPath, conf.mountsDrives,
            distribution.flags.contains(.appendWindowsPath)
        else { return [] }
        let own = ["system32", "", "System32/Wbem", "System32/WindowsPowerShell/v1.0/"]
        return own.map { conf.root + "c/Windows" + ($0.isEmpty ? "" : "/" + $0) }
    }

    /// `--cd`: `~`, a folder of Linux, or one of Windows.
    func folder(_ name: String, of account: LxssAccount) -> String {
        if name == "~" { return account.home }
        let letters = Array(name)
        guard letters.count > 1, letters[1] == ":", letters[0].isLetter else { return name }
        let rest = String(letters.dropFirst(2)).replacing("\\", with: "/")
        return conf.root + letters[0].lowercased() + (rest.hasPrefix("/") ? rest : "/" + rest)
    }
}
