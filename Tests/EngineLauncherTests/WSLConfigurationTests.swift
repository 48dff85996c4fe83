// What of a .wslconfig is understood, and what is said of the rest.
import EngineLauncher
import Testing

@Suite struct WSLConfigurationTests {
    @Test func sectionAndUnits() throws {
        let text = """
            # comment
            [wsl2]
            memory=4GB
            processors = 2 ; both
            swap=0
            kernel=C:\\\\temp\\\\bzImage
            kernelCommandLine = cgroup_no_v1=all
            localhostForwarding=true
            [experimental]
            sparseVhd=true
            """
        let configuration = try WSLConfiguration(text, file: ".wslconfig")
        #expect(configuration.memoryBytes == 4 << 30)
        #expect(configuration.processors == 2)
        #expect(configuration.swapBytes == 0)
        #expect(configuration.kernel == "C:/temp/bzImage")
        #expect(configuration.kernelCommandLine == "cgroup_no_v1=all")
        #expect(configuration.ignored == ["localhostForwarding", "experimental.sparseVhd"])
    }

    @Test(arguments: [
        ("[wsl2]\nmemory=lots", ".wslconfig:2: memory: 'lots'"),
        ("[wsl2]\nmemory=1KB", ".wslconfig:2: memory"),
        ("[wsl2]\n\nprocessors=0", ".wslconfig:3: processors"),
        ("[wsl2]\nswap=99999999999999999999GB", ".wslconfig:2: swap"),
        ("nonsense", ".wslconfig:1: 'nonsense'"),
    ])
    func mistakesNameTheirLine(text: String, start: String) {
        #expect { try WSLConfiguration(text, file: ".wslconfig") } throws: { "\($0)".hasPrefix(start) }
    }
}
