// The types that mount(2) knows on WSL 1 (features.tsv, family mount).

extension WSL1Engine {
    func registerFileSystems() {
        for type in LxpFileSystems.types(machine, root: rootType)
        where build >= WSL1Build(LxpFileSystems.firstBuilds[type.name] ?? 0) {
            fileSystems[type.name] = type
        }
    }
}
