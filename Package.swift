// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
    .treatAllWarnings(as: .error),
    // Accesses that overlap are found by debug builds and their tests; in releases the checks cost a tenth of a replay.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]
let cSettings: [CSetting] = [
    .define("_GNU_SOURCE"),
    .unsafeFlags(["-Wall", "-Wextra", "-Werror", "-Wno-c23-extensions"]),
]

// The agent's code is copied out of the program: always optimised, and without a libc, data or vector registers.
let agentSettings: [CSetting] = [
    .unsafeFlags([
        "-O2", "-ffreestanding", "-fno-builtin", "-mgeneral-regs-only", "-fno-stack-protector", "-fcf-protection=none",
        "-fno-jump-tables", "-fno-asynchronous-unwind-tables", "-fno-sanitize=all", "-fno-profile-instr-generate",
        "-fno-coverage-mapping",
        // Calls that the compiler does not see (inline assembly) push a return address.
        "-mno-red-zone",
    ])
]

// The replay agent lies where recorded programs do not: their addresses stay free for them.
let replayAgentSettings: [CSetting] = [
    .unsafeFlags([
        "-O2", "-ffreestanding", "-fno-builtin", "-fPIC", "-mgeneral-regs-only", "-fno-stack-protector",
        "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-fno-sanitize=all", "-fno-profile-instr-generate",
        "-fno-coverage-mapping",
    ])
]
let replayAgentLinkage: [LinkerSetting] = [
    .unsafeFlags([
        "-static-executable", "-nostartfiles", "-Xclang-linker", "-nostdlib", "-Xlinker",
        "-Ttext-segment=0x1ac000000000",
    ])
]

// A second build of it for kernels with 39 bits of addresses (User-mode Linux).
let lowAgentLinkage: [LinkerSetting] = [
    .unsafeFlags([
        "-static-executable", "-nostartfiles", "-Xclang-linker", "-nostdlib", "-Xlinker", "-Ttext-segment=0x1ac0000000",
    ])
]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swiftSettings)
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let package = Package(
    name: "lacuna",
    products: [
        .executable(name: "lacuna", targets: ["lacuna"]),
        .library(name: "LinuxABI", targets: ["LinuxABI"]),
        .library(name: "TraceLog", targets: ["TraceLog"]),
        .library(name: "Replay", targets: ["Replay"]),
        .library(name: "Compat", targets: ["Compat"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // MARK: - Floor 0: system libraries and C
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .target(name: "CLinux", exclude: ["bpf"], cSettings: cSettings),  // syscall shims: what Swift cannot import
        // Code that runs inside recorded processes, embedded as bytes; and the layouts it shares with the recorder.
        .target(name: "RecorderAgent", cSettings: cSettings + agentSettings),
        // One static file without a libc that re-issues calls in any Linux-compatible environment: `lacuna-agent`.
        .executableTarget(
            name: "lacuna-agent",
            path: "Sources/ReplayAgent",
            cSettings: cSettings + replayAgentSettings,
            linkerSettings: replayAgentLinkage
        ),
        .executableTarget(
            name: "lacuna-agent-low",
            path: "Sources/ReplayAgentLow",
            cSettings: cSettings + replayAgentSettings + [.define("LACUNA_LOW_ADDRESSES")],
            linkerSettings: lowAgentLinkage
        ),
        .target(name: "CABIData", exclude: ["descriptions"], cSettings: cSettings),  // descriptions, embedded
        // Sources/CTraceDictionary/dictionary.bin, a part of the trace format, embedded.
        .target(
            name: "CTraceDictionary",
            exclude: ["dictionary.bin", "make-dictionary.py"],
            cSettings: cSettings
        ),
        .target(name: "CFacts", cSettings: cSettings),  // corpora/facts/wsl1, embedded
        .target(name: "CEngineData", exclude: ["engines"], cSettings: cSettings),  // engine definitions, embedded
        // One static file: keeps an engine's processes together on the host, and is process 1 of guests.
        .executableTarget(
            name: "lacuna-init",
            cSettings: cSettings,
            linkerSettings: [.unsafeFlags(["-static-executable", "-nostartfiles", "-Xlinker", "-s"])]
        ),
        // Style and script of the HTML report, embedded.
        .target(name: "CReportAssets", exclude: ["report.css", "report.js"], cSettings: cSettings),

        // MARK: - Floors 1 to 7
        library("Tables", []),
        library("LinuxABI", ["Tables", "CABIData"]),
        library("TraceLog", ["LinuxABI", "CZstd", "CXXHash", "CTraceDictionary"]),
        library("Engine", ["LinuxABI"]),
        library("Recorder", ["LinuxABI", "TraceLog", "CLinux", "RecorderAgent", "CXXHash"]),
        library("NTKernel", ["Tables"]),
        library("PicoProvider", ["Tables", "LinuxABI", "Engine", "NTKernel", "CFacts"]),
        library("Facts", ["LinuxABI", "TraceLog", "Engine", "CFacts"]),
        library("Replay", ["Tables", "LinuxABI", "TraceLog", "Engine"]),
        library("LiveEngine", ["LinuxABI", "TraceLog", "Engine", "CLinux"]),
        library("EngineLauncher", ["LinuxABI", "Engine", "LiveEngine", "CEngineData", yams]),
        library("Compat", ["LinuxABI", "TraceLog", "Engine", "Replay", yams]),
        library("Report", ["LinuxABI", "TraceLog", "Engine", "Replay", "Compat", "Facts", "CReportAssets"]),

        // MARK: - Floor 8: the command line
        library(
            "LacunaCommands",
            [
                "LinuxABI", "TraceLog", "Engine", "Recorder", "PicoProvider", "LiveEngine", "EngineLauncher", "Facts",
                "Replay", "Compat", "Report", argumentParser,
            ]
        ),
        .executableTarget(
            name: "lacuna",
            dependencies: ["LacunaCommands", "lacuna-agent", "lacuna-agent-low", "lacuna-init", argumentParser],
            swiftSettings: swiftSettings,
            // Looking up the symbols of Swift's shared libraries takes as long as recording a small program.
            linkerSettings: [
                .unsafeFlags(
                    [
                        "-static-stdlib", "-lCoreFoundation", "-l_FoundationICU", "-l_FoundationCShims",
                        "-l_FoundationCollections",
                    ],
                    .when(configuration: .release)
                )
            ]
        ),

        // MARK: - Tests
        tests("LinuxABITests", ["LinuxABI", "Tables"]),
        tests("TraceLogTests", ["TraceLog", "LinuxABI"], exclude: ["reader.py", "Golden"]),
        tests("EngineTests", ["Engine", "LinuxABI"]),
        tests("RecorderTests", ["Recorder", "TraceLog", "LinuxABI", "CLinux", "RecorderAgent"]),
        tests("NTKernelTests", ["NTKernel"]),
        tests(
            "PicoProviderTests",
            ["PicoProvider", "NTKernel", "Facts", "Replay", "Report", "TraceLog", "Engine", "LinuxABI"]
        ),
        tests("LiveEngineTests", ["lacuna-agent", "LiveEngine", "Replay", "Engine", "TraceLog", "LinuxABI"]),
        tests(
            "EngineLauncherTests",
            ["lacuna-init", "lacuna-agent", "lacuna-agent-low", "EngineLauncher", "LiveEngine", "Replay", "TraceLog"]
        ),
        tests("ReplayTests", ["Replay", "PicoProvider", "Engine", "TraceLog", "LinuxABI"]),
        tests("CompatTests", ["Compat", "Report", "Replay", "Engine", "TraceLog", "LinuxABI"]),
        tests("CommandTests", ["lacuna", "LacunaCommands", "TraceLog", "LinuxABI"]),
        tests("TierTests", ["lacuna", "TraceLog", "LinuxABI"], exclude: ["Programs"]),
    ]
)
