// The recorder is killed while programs start: what it had changed in them is put back.
import Foundation
import Testing

extension Tiers {
    @Suite struct Deaths {
        /// Four shells that start programs all the time, so that an injection is nearly always under way.
        private static let storm = """
            for i in 1 2 3 4; do (for k in $(seq 40); do /bin/echo $i.$k; done > out.$i) & done
            wait; cat out.1 out.2 out.3 out.4 > all; touch done
            """
        private static let killed = """
            rm -f done all out.*
            "$LACUNA" record -o log $TIER -- bash -c "$STORM" & pid=$!
            until [ -s out.1 ]; do sleep 0.002; done
            sleep $DELAY; kill -9 $pid; wait $pid 2>/dev/null
            for i in $(seq 3000); do [ -e done ] && break; sleep 0.02; done
            cat all
            """

        @Test(arguments: Tier.all) func programsThatWereBeingChangedGoOn(_ tier: Tier) throws {
            let folder = try Folder()
            let native = try run(["bash", "-c", Deaths.storm + "; cat all"], folder: folder.path)
            #expect(native.status == 0 && native.output.split(separator: "\n").count == 160)
            for round in 0..<(tier.isInProcess ? 12 : 3) {
                let environment = [
                    "LACUNA": Lacuna.path, "TIER": tier.options.joined(separator: " "), "STORM": Deaths.storm,
                    "DELAY": "0.\(10 + 2 * round)",
                ]
                let found = try run(["bash", "-c", Deaths.killed], folder: folder.path, environment: environment)
                let lines = found.output.split(separator: "\n").count
                #expect(found.output == native.output, "killed after \(10 + 2 * round) hundredths: \(lines) lines")
            }
        }
    }
}
