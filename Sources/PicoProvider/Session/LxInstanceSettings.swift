// What the service and wsl.conf decided about a running instance.

/// Defaults are those of wsl.conf (DOC:wsl-config.md).
struct LxInstanceSettings {
    /// `DistributionName`; in `\\wsl$\NAME` and WSL_DISTRO_NAME.
    var distribution = "Linux"
    /// `[interop] enabled`: Windows programs may be started.
    var hasInterop = true
}
