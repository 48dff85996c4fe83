// Reads corpora/*/workload.yaml. A workload with a broken description stops the run: the list must not shrink unseen.
import FoundationEssentials
import Yams

extension Corpus {
    /// Every folder of `path` that holds a `workload.yaml`; a folder that is itself a workload is a corpus of one.
    public static func load(path: String) throws(CorpusError) -> Corpus {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: trimmed)
        } catch {
            throw CorpusError(
                file: path,
                "cannot be read as a folder; name one with workloads (NAME/workload.yaml) in it"
            )
        }
        if names.contains("workload.yaml") {
            return Corpus(path: path, workloads: [try Workload(folder: trimmed)])
        }
        var workloads: [Workload] = []
        for name in names.sorted()
        where FileManager.default.fileExists(atPath: "\(trimmed)/\(name)/workload.yaml") {
            workloads.append(try Workload(folder: "\(trimmed)/\(name)"))
        }
        guard !workloads.isEmpty else {
            throw CorpusError(file: path, "holds no workload (NAME/workload.yaml)")
        }
        return Corpus(path: path, workloads: workloads)
    }
}

extension Workload {
    /// Reads `workload.yaml` in `folder`.
    public init(folder: String) throws(CorpusError) {
        let file = folder + "/workload.yaml"
        guard let data = FileManager.default.contents(atPath: file) else {
            throw CorpusError(file: file, "cannot be read")
        }
        let mapping: Node.Mapping
        do {
            guard let found = try Yams.compose(yaml: String(decoding: data, as: UTF8.self))?.mapping else {
                throw CorpusError(file: file, "is not a YAML mapping (name, command, weight, …)")
            }
            mapping = found
        } catch let error as CorpusError {
            throw error
        } catch {
            throw CorpusError(file: file, "is not valid YAML: \(error)")
        }
        func text(_ key: String) -> String? { mapping[Node(key)]?.scalar?.string }
        func list(_ key: String) -> [String]? {
            mapping[Node(key)]?.sequence?.compactMap { $0.scalar?.string }
        }

        let known = ["name", "summary", "command", "prepare", "packages", "weight", "tags", "check", "source"]
        for key in mapping.keys {
            let name = key.scalar?.string ?? "?"
            guard known.contains(name) else {
                throw CorpusError(
                    file: file,
                    "has an unknown key '\(name)'; known are \(known.joined(separator: ", "))"
                )
            }
        }
        let folderName = folder.split(separator: "/").last.map(String.init) ?? ""
        guard let name = text("name"), name == folderName || folderName.hasPrefix(".") else {
            throw CorpusError(file: file, "'name' must be the name of its folder")
        }
        guard let command = list("command"), !command.isEmpty else {
            throw CorpusError(file: file, "'command' must be a list of words")
        }
        guard let share = text("weight").flatMap(Double.init), share > 0, share <= 1 else {
            throw CorpusError(file: file, "'weight' must be a number above 0 and at most 1")
        }
        self.init(name: name, command: command, weight: Weight(share), folder: folder)
        summary = text("summary") ?? ""
        prepare = text("prepare")
        packages = list("packages") ?? []
        tags = list("tags") ?? []
        check = text("check")
        source = text("source") ?? ""
    }
}
