// An agent that is there already, behind a socket.
import Glibc
import LiveEngine

enum Connection {
    /// - Parameter place: `unix:PATH` or `tcp:HOST:PORT`.
    static func open(_ place: String) throws(LaunchError) -> DescriptorTransport {
        let descriptor =
            place.hasPrefix("unix:") ? try unix(String(place.dropFirst(5))) : try tcp(String(place.dropFirst(4)))
        return DescriptorTransport(input: descriptor, output: descriptor)
    }

    static func unix(_ path: String) throws(LaunchError) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw LaunchError("\(path): \(String(cString: strerror(errno)))") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            close(descriptor)
            throw LaunchError("\(path): too long for a socket; at most 107 bytes")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw LaunchError("\(path): no agent answers there: \(reason)")
        }
        return descriptor
    }

    private static func tcp(_ place: String) throws(LaunchError) -> Int32 {
        guard let colon = place.lastIndex(of: ":") else { throw LaunchError("\(place): give HOST:PORT") }
        var host = String(place[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        let port = String(place[place.index(after: colon)...])
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, port, &hints, &found)
        guard code == 0 else { throw LaunchError("\(place): \(String(cString: gai_strerror(code)))") }
        defer { freeaddrinfo(found) }
        var reason = "no address"
        var next = found
        while let entry = next?.pointee {
            next = entry.ai_next
            let descriptor = socket(
                entry.ai_family,
                entry.ai_socktype | Int32(SOCK_CLOEXEC.rawValue),
                entry.ai_protocol
            )
            guard descriptor >= 0 else { continue }
            if connect(descriptor, entry.ai_addr, entry.ai_addrlen) == 0 {
                // Requests are small and each waits for its answer.
                var one: Int32 = 1
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
                return descriptor
            }
            reason = String(cString: strerror(errno))
            close(descriptor)
        }
        throw LaunchError("\(place): no agent answers there: \(reason)")
    }
}
