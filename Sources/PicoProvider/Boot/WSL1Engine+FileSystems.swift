// The types that mount(2) knows on WSL 1 (features.tsv, family mount).

extension WSL1Engine {
    func registerFileSystems() {
        for type in LxpFileSystems.types(kernel, root: rootType) { fileSystems[type.name] = type }
    }
}
