// swift-tools-version: 6.2
// Speed and size, side by side with peers. A package of its own: nothing here is part of the tool's build.
import PackageDescription

let package = Package(
    name: "lacuna-benchmarks",
    dependencies: [.package(name: "lacuna", path: "..")],
    targets: [
        .executableTarget(
            name: "TraceLogBenchmark",
            dependencies: [
                .product(name: "TraceLog", package: "lacuna"), .product(name: "LinuxABI", package: "lacuna"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]
        )
    ]
)
