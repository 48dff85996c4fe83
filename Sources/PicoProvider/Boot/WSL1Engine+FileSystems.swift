// The types that mount(2) knows on WSL 1 (features.tsv, family mount).

extension WSL1Engine {
    func registerFileSystems() {
        let types: [any VfsFileSystemType] = [
            LxMemoryFileSystem(name: rootType), LxMemoryFileSystem(name: "tmpfs"), LxCgroupFileSystem(),
        ]
        for type in types { fileSystems[type.name] = type }
    }
}
