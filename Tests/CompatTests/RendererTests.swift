// All renderers show the numbers of one scorecard.
import Compat
import Foundation
import Report
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct RendererTests {
    let card = Fixture.card(baseline: Fixture.card())

    // MARK: - Terminal

    @Test func theTerminalShowsEveryWorkloadFamilyAndRoot() throws {
        let text = TerminalReport(style: .plain).render(card)
        let lines = text.split(separator: "\n").map(String.init)
        func line(_ start: String) throws -> [Substring] {
            try #require(lines.first { $0.hasPrefix("  " + start + " ") }, "no line for \(start)").split(separator: " ")
        }
        for workload in card.workloads {
            let words = try line(workload.name)
            #expect(words[1] == workload.verdict.rawValue)
            #expect("\(words[2]) \(words[3])" == workload.graded.description)
            #expect(words[4] == workload.weight.description)
            #expect(words[5] == "\(workload.calls.judged)")
            #expect(words[6] == "\(workload.calls.total)")
        }
        for family in card.families {
            let line = try line(family.family).joined(separator: " ")
            #expect(line.contains(family.graded?.description ?? "–"))
            #expect(line.contains(family.completeness?.description ?? "–"))
        }
        for root in card.roots {
            #expect(lines.contains { $0.contains(root.title) && $0.contains(root.importance.description) })
        }
        #expect(text.contains(card.completeness.description))
        #expect(text.contains(card.withoutFatal.description))
        #expect(text.contains(card.graded.description))
    }

    @Test func colourIsForTerminalsAndWidthIsKept() {
        let plain = TerminalReport(style: .plain).render(card)
        #expect(!plain.contains("\u{1b}"))
        let narrow = TerminalReport(style: .init(colour: true, columns: 100)).render(card)
        #expect(narrow.contains("\u{1b}[31mfails"))
    }

    // MARK: - JSON

    @Test func jsonReadsBackEqual() throws {
        let text = JSONReport().render(card)
        #expect(try JSONReport().read(Array(text.utf8)) == card)
        #expect(JSONReport().render(card) == text)
    }

    @Test func jsonOfANewerSchemaIsRefusedWithAdvice() throws {
        let error = try #require(throws: ReportError.self) {
            try JSONReport().read(Array(#"{"schema": 99, "future": true}"#.utf8))
        }
        #expect(error.description.contains("schema 99"))
        #expect(throws: ReportError.self) { try JSONReport().read(Array("hello".utf8)) }
    }

    // MARK: - JUnit

    @Test func junitIsWellFormedAndCountsWhatItHolds() throws {
        let xml = try XMLDocument(xmlString: JUnitReport().render(card))
        let suite = try #require(try xml.nodes(forXPath: "/testsuites/testsuite").first as? XMLElement)
        func attribute(_ name: String) -> String? { suite.attribute(forName: name)?.stringValue }
        #expect(attribute("tests") == "\(card.workloads.count)")
        #expect(try xml.nodes(forXPath: "//testcase").count == card.workloads.count)
        #expect(attribute("failures") == "\(try xml.nodes(forXPath: "//failure").count)")
        #expect(attribute("errors") == "\(try xml.nodes(forXPath: "//error").count)")
        #expect(attribute("skipped") == "\(try xml.nodes(forXPath: "//skipped").count)")
        for workload in card.workloads {
            for (name, value) in [
                ("graded", workload.graded.description), ("verdict", workload.verdict.rawValue),
                ("weight", workload.weight.description), ("calls same", "\(workload.calls.same)"),
            ] {
                let path = "//testcase[@name='\(workload.name)']/properties/property[@name='\(name)']/@value"
                #expect(try xml.nodes(forXPath: path).first?.stringValue == value)
            }
        }
        let failure = try xml.nodes(forXPath: "//testcase[@name='container']/failure/@message").first?.stringValue
        #expect(failure == "unshare(CLONE_NEWUSER) → EINVAL at call 41")
        #expect(
            try xml.nodes(forXPath: "//testsuite/properties/property[@name='completeness']/@value").first?.stringValue
                == card.completeness.description
        )
    }

    @Test func markupHoldsCharactersThatXMLForbids() throws {
        var card = card
        card.notices = []
        card.workloads[1].problem = "bad \u{1} <byte> & \"quote\" ]]>"
        let xml = try XMLDocument(xmlString: JUnitReport().render(card))
        let message = try xml.nodes(forXPath: "//skipped/@message").first?.stringValue
        #expect(message == "bad \u{fffd} <byte> & \"quote\" ]]>")
    }

    // MARK: - SARIF

    @Test func sarifHasAResultPerRootAndARulePerCell() throws {
        let object = try JSONSerialization.jsonObject(with: Data(SARIFReport().render(card).utf8))
        let log = try #require(object as? [String: Any])
        #expect(log["version"] as? String == "2.1.0")
        let run = try #require((log["runs"] as? [[String: Any]])?.first)
        let driver = try #require((run["tool"] as? [String: Any])?["driver"] as? [String: Any])
        let rules = try #require(driver["rules"] as? [[String: Any]]).map { $0["id"] as? String }
        let results = try #require(run["results"] as? [[String: Any]])
        #expect(results.count == card.roots.count)
        for (root, result) in zip(card.roots, results) {
            #expect(result["ruleId"] as? String == root.cell)
            #expect(rules[try #require(result["ruleIndex"] as? Int)] == root.cell)
            let properties = try #require(result["properties"] as? [String: Any])
            #expect(properties["importance"] as? Int == root.importance.rawValue)
            #expect(properties["hits"] as? Int == root.hits)
            #expect(properties["followers"] as? Int == root.followers)
            #expect((result["locations"] as? [Any])?.count == root.occurrences.count)
            let level = ["fatal": "error", "degrading": "warning", "tolerated": "note"][root.severity.rawValue]
            #expect(result["level"] as? String == level)
        }
        let properties = try #require(run["properties"] as? [String: Any])
        #expect(properties["completeness"] as? Int == card.completeness.rawValue)
        #expect(properties["withoutFatal"] as? Int == card.withoutFatal.rawValue)
        #expect(properties["graded"] as? Int == card.graded.rawValue)
    }

    // MARK: - HTML

    @Test func htmlIsOneBalancedFileWithEveryNumber() throws {
        let html = HTMLReport().render(card)
        // The page without style and script is XML but for its void elements.
        var page = html.replacing("<!DOCTYPE html>", with: "")
        for tag in ["style", "script"] {
            let start = try #require(page.range(of: "<\(tag)>"))
            let end = try #require(page.range(of: "</\(tag)>"))
            page.removeSubrange(start.lowerBound..<end.upperBound)
        }
        page = page.replacing(#/<(meta|input|br)([^>]*)>/#) { "<\($0.1)\($0.2)/>" }
        let document = try XMLDocument(xmlString: page)
        func texts(_ path: String) throws -> [String] {
            try document.nodes(forXPath: path).map { $0.stringValue ?? "" }
        }

        #expect(
            try texts("//*[contains(@class,'score')]/*[@class='figure']")
                == [card.completeness, card.withoutFatal, card.graded].map(\.description)
        )
        for workload in card.workloads {
            let row = "//tr[@id='workload-\(workload.name)']"
            #expect(try texts(row + "/td[2]//*[@class='value']") == [workload.graded.description])
            #expect(try texts(row + "/td[1]") == [workload.verdict.rawValue])
            #expect(try texts(row + "/td[4]") == ["\(workload.calls.judged) of \(workload.calls.total)"])
        }
        #expect(try document.nodes(forXPath: "//details[starts-with(@id,'root-')]").count == card.roots.count)
        for root in card.roots {
            let values = try texts("//details[@id='root-\(root.rank)']/summary//*[@class='value']")
            #expect(values == ["importance \(root.importance)"])
            #expect(try texts("//details[@id='root-\(root.rank)']//pre").count == root.occurrences.count)
        }
        #expect(try document.nodes(forXPath: "//tr[@class='cell-row']").count == card.cells.count)
        let families = try texts("//section[@id='families']//tbody/tr/th")
        #expect(families == card.families.map(\.family))
        #expect(families.prefix(2) == ["namespaces", "cgroups"])
    }

    @Test func htmlNeedsNoNetwork() {
        let html = HTMLReport().render(card)
        for word in ["http://", "https://", "src=", "@import", "url("] { #expect(!html.contains(word)) }
    }

    @Test func textOfProgramsIsEscaped() {
        let html = HTMLReport().render(card)
        #expect(html.contains("&lt;plain&gt; &amp; &quot;more&quot;"))
        #expect(!html.contains("<plain>"))
    }
}
