// `record --oci SOCKET`: an OCI runtime hands over the seccomp listener of a container it starts.
import CLinux
import Glibc

extension Recorder {
    func runContainer(_ socket: String) throws(RecorderError) -> RecordingResult {
        throw RecorderError(.unsupported, "not built")
    }
}
