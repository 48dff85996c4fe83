// Section objects: backed by a file or by the page file.
import Tables

/// `SECTION`.
public final class SectionObject: KernelObject {
    /// Bytes.
    public internal(set) var size: UInt64
    public let protection: PageProtection
    /// Nil: backed by the page file.
    public let file: FileControlBlock?
    /// `SEC_IMAGE`: a program, mapped by the sections that its headers name.
    public let isImage: Bool
    /// Views in all processes.
    public internal(set) var viewCount = 0
    /// Page-file backed sections are charged when they are made.
    let chargedPages: UInt64

    init(size: UInt64, protection: PageProtection, file: FileControlBlock?, chargedPages: UInt64, isImage: Bool = false)
    {
        self.isImage = isImage
        self.size = size
        self.protection = protection
        self.file = file
        self.chargedPages = chargedPages
        super.init(type: .section)
    }

    /// Its key among live sections.
    var identity: UInt64 { UInt64(UInt(bitPattern: ObjectIdentifier(self))) }

    /// Whether a view of this section may have the protection (`STATUS_SECTION_PROTECTION` otherwise).
    func allows(_ wanted: PageProtection) -> Bool {
        if wanted.isExecutable, !protection.isExecutable { return false }
        // Writing a copy needs read access only.
        return !wanted.writesThrough || protection.writesThrough
    }

    override func deleted(by executive: NTExecutive) {
        executive.uncharge(nil, chargedPages)
        executive.liveSections.remove(identity)
    }
}
