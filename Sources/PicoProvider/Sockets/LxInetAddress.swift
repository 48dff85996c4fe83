// `struct sockaddr_in` and `struct sockaddr_in6`.
import LinuxABI
import NTKernel

extension LxInetSocket {
    func decode(_ bytes: [UInt8]) throws(LxFailure) -> TransportAddress {
        guard bytes.count >= 2 else { throw .errno(.EINVAL) }
        let given = Int32(bytes[0]) | Int32(bytes[1]) << 8
        guard given == family else { throw given == 0 ? .errno(.EINVAL) : .errno(.EAFNOSUPPORT) }
        guard bytes.count >= (family == SocketFamily.ipv4 ? 16 : 24) else { throw .errno(.EINVAL) }
        let port = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        let address = family == SocketFamily.ipv4 ? Array(bytes[4..<8]) : Array(bytes[8..<24])
        return TransportAddress(family: transportFamily, bytes: address, port: port)
    }

    func encode(_ address: TransportAddress?) -> [UInt8] {
        let address = address ?? .any(transportFamily)
        var out = LxpBytes()
        out.add(UInt16(truncatingIfNeeded: family))
        out.add(UInt8(address.port >> 8))
        out.add(UInt8(address.port & 0xff))
        if family == SocketFamily.ipv4 {
            out.add(address.bytes)
            out.pad(to: 16)
        } else {
            out.add(UInt32(0))
            out.add(address.bytes)
            out.pad(to: 28)
        }
        return out.bytes
    }
}
