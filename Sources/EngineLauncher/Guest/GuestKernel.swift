// A kernel to boot: Debian's package, unpacked into the cache; never installed.
import FoundationEssentials
import Glibc

struct GuestKernel {
    var image: String
    /// Folder with the kernel's modules; nil for a kernel of the user's.
    var modulesFolder: String?

    /// `$XDG_CACHE_HOME/lacuna`.
    static var cacheFolder: String {
        variable("XDG_CACHE_HOME").map { "\($0)/lacuna" } ?? "\(variable("HOME") ?? "/root")/.cache/lacuna"
    }

    /// - Parameter package: a metapackage (`linux-image-cloud-amd64`).
    static func cached(_ package: String, onProgress: (String) -> Void) throws(LaunchError) -> GuestKernel {
        let folder = "\(cacheFolder)/kernels/\(package)"
        if let kernel = GuestKernel(unpacked: folder) { return kernel }
        onProgress("\(package): fetching the guest's kernel into \(folder) (27 MB)")
        try fetch(package, into: folder)
        guard let kernel = GuestKernel(unpacked: folder) else {
            throw LaunchError("\(folder): \(package) holds no kernel; remove the folder and try again")
        }
        return kernel
    }

    private init?(unpacked folder: String) {
        let files = FileManager.default
        guard let images = try? files.contentsOfDirectory(atPath: "\(folder)/boot"),
            let image = images.sorted().last(where: { $0.hasPrefix("vmlinuz-") })
        else { return nil }
        self.image = "\(folder)/boot/\(image)"
        modulesFolder = "\(folder)/lib/modules/\(image.dropFirst("vmlinuz-".count))"
    }

    init(image: String) throws(LaunchError) {
        guard access(image, R_OK) == 0 else { throw LaunchError("\(image): \(String(cString: strerror(errno)))") }
        self.image = image
    }

    private static func fetch(_ package: String, into folder: String) throws(LaunchError) {
        let beside = "\(folder).\(getpid())"
        do { try FileManager.default.createDirectory(atPath: beside, withIntermediateDirectories: true) } catch {
            throw LaunchError("\(beside): cannot be made; set XDG_CACHE_HOME to a folder that can be written to")
        }
        defer { try? FileManager.default.removeItem(atPath: beside) }
        // The metapackage names the package of the day.
        let script = """
            set -e
            image=$(apt-cache depends "$1" | awk '/Depends: linux-image-[0-9]/{print $2; exit}')
            [ -n "$image" ] || { echo "apt knows no $1; try 'apt-get update'" >&2; exit 1; }
            apt-get -q -o APT::Sandbox::User=root download "$image" >/dev/null
            dpkg-deb -x ./*.deb .
            rm -f ./*.deb
            """
        let output = try CommandOutput(["/bin/sh", "-c", script, "sh", package], folder: beside, seconds: 300)
        guard output.status == 0 else {
            throw LaunchError(
                "\(package): cannot be fetched: \(lastLine(output.errors) ?? "apt failed"); or name a kernel in .wslconfig"
            )
        }
        // Another process may have been faster: then its folder stays.
        if rename(beside, folder) != 0, access("\(folder)/boot", F_OK) != 0 {
            throw LaunchError("\(folder): \(String(cString: strerror(errno)))")
        }
    }

    /// Files of the modules wanted and of those they need, in the order of loading; unknown names are left out.
    func modules(_ wanted: [String]) throws(LaunchError) -> [(name: String, bytes: [UInt8])] {
        guard let modulesFolder, let walk = try? FileManager.default.subpathsOfDirectory(atPath: modulesFolder) else {
            return []
        }
        var paths: [String: String] = [:]
        for path in walk where path.hasSuffix(".ko") {
            let name = path.split(separator: "/").last.map { $0.dropLast(3) } ?? ""
            paths[normal(name)] = path
        }
        var loaded: Set<String> = []
        var result: [(name: String, bytes: [UInt8])] = []
        func load(_ name: String) throws(LaunchError) {
            guard loaded.insert(name).inserted, let path = paths[name] else { return }
            let bytes = try HostFile.bytes("\(modulesFolder)/\(path)")
            for needed in dependencies(bytes) { try load(needed) }
            result.append(("\(name).ko", bytes))
        }
        for name in wanted { try load(normal(name[...])) }
        return result
    }

    private func normal(_ name: some StringProtocol) -> String { String(name.map { $0 == "-" ? "_" : $0 }) }

    /// The module says itself what it needs: `depends=` in its .modinfo section. modules.dep is made by installing.
    private func dependencies(_ module: [UInt8]) -> [String] {
        let key = Array("\0depends=".utf8)
        let found: ArraySlice<UInt8>? = module.withUnsafeBytes { bytes in
            var at = 0
            while let zero = bytes[at...].firstIndex(of: 0) {
                at = zero + 1
                guard bytes[zero...].starts(with: key) else { continue }
                let start = zero + key.count
                return module[start..<(bytes[start...].firstIndex(of: 0) ?? module.count)]
            }
            return nil
        }
        guard let found else { return [] }
        return found.split(separator: UInt8(ascii: ",")).map { normal(String(decoding: $0, as: UTF8.self)) }
    }
}
