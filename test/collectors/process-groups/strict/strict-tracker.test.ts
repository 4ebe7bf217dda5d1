/** The agent in strict mode, compared with values that process-exporter 0.7.10 printed. */
import test from 'ava'
import { parseSamples } from '../../../support/exposition.ts'
import { GOLDEN_CASES } from '../../../support/golden-cases.ts'
import { unexpected } from '../../../support/golden-samples.ts'
import { processGroups } from '../../../support/process-groups.ts'
import { ProcfsTree } from '../../../support/procfs-tree.ts'

for (const { title, options, start, steps } of GOLDEN_CASES) {
  test(title, async (t) => {
    const tree = new ProcfsTree()
    t.teardown(() => tree.dispose())
    start(tree)
    const groups = processGroups(tree.root, { ...options, strict: true })
    // The exporter looks once when it starts.
    await groups.text()
    for (const [index, { change, expected }] of steps.entries()) {
      change?.(tree)
      const lines = unexpected(parseSamples(await groups.text()), expected)
      t.deepEqual(lines, [], `step ${index + 1}`)
    }
  })
}
