// What must hold of the executive's state between any two calls. Tests ask after every operation.
import Tables

extension NTExecutive {
    /// Broken invariants, one line each; empty when sound.
    public func _checkInvariants() -> [String] {
        var broken: [String] = []
        checkHandles(&broken)
        for process in processes.values { checkProcess(process, &broken) }
        checkCommit(&broken)
        checkSections(&broken)
        for volume in volumes { volume.checkInvariants(&broken) }
        for compartment in compartments.values { check(compartment, &broken) }
        return broken
    }

    private var allHandles: [HandleTable.Entry] {
        systemHandles.entries.map(\.entry) + processes.values.flatMap { $0.handleTable.entries.map(\.entry) }
    }

    private func checkHandles(_ broken: inout [String]) {
        var counts: [ObjectIdentifier: (object: KernelObject, handles: Int)] = [:]
        for entry in allHandles { counts[ObjectIdentifier(entry.object), default: (entry.object, 0)].handles += 1 }
        for (object, handles) in counts.values {
            let name = object.objectType.rawValue
            if object.handleCount != handles {
                broken.append("\(name): handle count \(object.handleCount), \(handles) handles")
            }
            if object.pointerCount < handles {
                broken.append("\(name): pointer count \(object.pointerCount) below handle count")
            }
            if object.isDeleted { broken.append("\(name): deleted with \(handles) handles") }
        }
    }

    private func checkProcess(_ process: EProcess, _ broken: inout [String]) {
        let name = "process \(process.uniqueProcessID)"
        if process.kind == .pico, process.picoContext == nil { broken.append("\(name): pico without a context") }
        for thread in process.threads where thread.state == .terminated {
            broken.append("\(name): lists terminated thread \(thread.uniqueThreadID)")
        }
        for thread in process.threads {
            let waits = thread.waitBlock.map { $0.result == nil } ?? false
            let listed = thread.waitBlock?.object.waiters.contains { $0 === thread } ?? false
            if waits != listed { broken.append("thread \(thread.uniqueThreadID): wait block and wait list disagree") }
        }
        let descriptors = process.addressSpace.descriptors
        for (index, descriptor) in descriptors.enumerated() {
            if descriptor.start >= descriptor.end { broken.append("\(name): empty VAD") }
            if index > 0, descriptors[index - 1].end > descriptor.start { broken.append("\(name): VADs overlap") }
            if descriptor.start < AddressSpace.lowestUserAddress || descriptor.end > AddressSpace.highestUserAddress + 1
            {
                broken.append("\(name): VAD outside user space")
            }
            var position = descriptor.start
            for region in descriptor.regions {
                if region.start != position || region.end <= region.start {
                    broken.append("\(name): VAD regions have a gap")
                }
                if region.isCharged, !region.isCommitted { broken.append("\(name): charged pages are not committed") }
                position = region.end
            }
            if position != descriptor.end { broken.append("\(name): VAD regions do not fill it") }
        }
        let charged = descriptors.reduce(0) { sum, descriptor in
            sum + descriptor.regions.reduce(0) { $0 + ($1.isCharged ? $1.pages : 0) }
        }
        if charged != process.addressSpace.commitCharge {
            broken.append("\(name): commit charge \(process.addressSpace.commitCharge), \(charged) pages charged")
        }
    }

    private func checkCommit(_ broken: inout [String]) {
        let spaces = processes.values.reduce(0) { $0 + $1.addressSpace.commitCharge }
        let sections = liveSections.reduce(0) { $0 + $1.value.chargedPages }
        if spaces + sections != committedPages {
            broken.append("committed \(committedPages) pages, charged \(spaces) and \(sections)")
        }
        if committedPages > configuration.commitLimit { broken.append("commit limit exceeded") }
    }

    private func checkSections(_ broken: inout [String]) {
        var views: [ObjectIdentifier: Int] = [:]
        var fileViews: [ObjectIdentifier: Int] = [:]
        for process in processes.values {
            for case let section? in process.addressSpace.descriptors.map(\.section) {
                views[ObjectIdentifier(section), default: 0] += 1
                if let file = section.file { fileViews[ObjectIdentifier(file), default: 0] += 1 }
            }
        }
        for (_, section) in liveSections {
            let mapped = views[ObjectIdentifier(section)] ?? 0
            if section.viewCount != mapped {
                broken.append("section: view count \(section.viewCount), \(mapped) views")
            }
        }
        for volume in volumes {
            for (_, file) in volume.records {
                let mapped = fileViews[ObjectIdentifier(file)] ?? 0
                if file.mappedViews != mapped {
                    broken.append("file: \(file.mappedViews) mapped views, \(mapped) found")
                }
            }
        }
    }

    private func check(_ compartment: Compartment, _ broken: inout [String]) {
        for endpoint in compartment.allEndpoints {
            if endpoint.state == .closed { broken.append("port table holds a closed endpoint") }
            if endpoint.localAddress == nil { broken.append("port table holds an unbound endpoint") }
            if let peer = endpoint.peer, peer.peer !== endpoint { broken.append("connection is one-sided") }
        }
    }
}

extension NtfsVolume {
    func checkInvariants(_ broken: inout [String]) {
        var reachable = 0
        var clusters: Int64 = 0
        for (_, file) in records {
            let name = file.links.first?.name ?? "record \(file.fileReference & 0xFFFF_FFFF)"
            clusters += Self.clusters(file.data.size)
            broken.append(contentsOf: file.data.brokenInvariants().map { "\(name): \($0)" })
            for link in file.links {
                guard let parent = link.parent else {
                    broken.append("\(name): link without a directory")
                    continue
                }
                if parent.index.lookup(link.name, caseSensitive: true) !== link {
                    broken.append("\(name): its directory does not list it")
                }
                if records[parent.fileReference] !== parent { broken.append("\(name): its directory has no record") }
            }
            if file.isDirectory, file.links.count > 1 { broken.append("\(name): directory with several names") }
            if file.isDirectory, file.isDeleted, file.index.count > 0 {
                broken.append("\(name): deleted but not empty")
            }
            reachable += file.index.count
            if file.links.count > Self.maximumLinks { broken.append("\(name): too many links") }
            if file.isDeleted, file.openCount == 0, file.mappedViews == 0 { broken.append("\(name): record leaked") }
            checkOpens(file, name, &broken)
        }
        let links = records.reduce(0) { $0 + $1.value.links.count }
        if links != reachable { broken.append("directories list \(reachable) names, records have \(links)") }
        if clusters != usedClusters { broken.append("\(usedClusters) clusters used, files have \(clusters)") }
    }

    private func checkOpens(_ file: FileControlBlock, _ name: String, _ broken: inout [String]) {
        var expected = ShareAccess()
        var count = 0
        for object in openFiles.map({ $0.takeUnretainedValue() }) where object.fcb === file {
            expected.update(object.grantedAccess, object.shareAccess)
            count += 1
        }
        if expected != file.shareAccess { broken.append("\(name): share access does not add up") }
        if count != file.openCount { broken.append("\(name): open count \(file.openCount), \(count) file objects") }
    }
}
