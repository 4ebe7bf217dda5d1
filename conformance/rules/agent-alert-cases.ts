/** What may go wrong with an agent itself. */
import { registerAgent } from '../../src/collectors/agent/collector.ts'
import { LoopDelay } from '../../src/collectors/agent/loop-delay.ts'
import { SELF_METRICS } from '../../src/collectors/process-groups/definitions.ts'
import { readSystemConstants } from '../../src/kernel/system-constants.ts'
import { now } from '../../src/telemetry/clock.ts'
import { Entity } from '../../src/telemetry/entity.ts'
import { createInstruments } from '../../src/telemetry/instruments.ts'
import { ExportCounts } from '../../src/telemetry/otlp/export-counts.ts'
import { SourceCache } from '../../src/workloads/source-cache.ts'
import { TestSource } from '../../test/support/name-source.ts'
import { servedText } from '../../test/support/served-text.ts'
import type { AlertCase } from './alert-cases.ts'

/** All that an agent's health depends on. */
class Node {
  /** Minutes, of the last collection. */
  collected = 0
  isAway = false
  dropped = 0
  errors: Error[] = []
  readonly exports = new ExportCounts()
  readonly source = new TestSource('cri')
  /** Collections without any process. */
  unread = 0
  readonly #cache = new SourceCache(this.source, 0)
  readonly #text = servedText('agent', (meter) => {
    registerAgent(meter, {
      version: '1.0.0',
      runs: () => [this.#run()],
      exports: () => this.exports,
      nameSources: [this.#cache],
      loopDelay: new LoopDelay(),
      system: readSystemConstants(),
    })
    const { measurements, observables } = createInstruments(meter, SELF_METRICS)
    const all = new Entity({}, now())
    meter.addBatchObservableCallback(
      (result) => measurements.collectionErrors.observe(result, all, this.unread),
      observables,
    )
  })

  async serve(): Promise<string> {
    if (this.isAway) return ''
    this.exports.exported += 1000
    await this.#cache.refresh(AbortSignal.timeout(1000))
    return this.#text()
  }

  #run() {
    const { dropped, errors } = this
    const time: [number, number] = [this.collected * 60, 0]
    return { name: 'cgroups', time, duration: 0.1, series: 100, dropped, errors }
  }
}

/** @param act makes a minute what it is. */
function alertCase(
  rest: Omit<AlertCase, 'serve'>,
  act: (node: Node, isFaulty: boolean, minute: number) => void,
): AlertCase {
  const node = new Node()
  return {
    ...rest,
    serve: async (minute, isFaulty) => {
      node.collected = minute
      act(node, isFaulty, minute)
      return await node.serve()
    },
  }
}

export const AGENT_CASES: readonly AlertCase[] = [
  alertCase(
    { title: 'it does not answer', alert: 'AgentIsDown', window: 0, waits: 5 },
    (node, isFaulty) => {
      node.isAway = isFaulty
    },
  ),
  alertCase(
    { title: 'a collector fails', alert: 'AgentCollectorFails', window: 0, waits: 10 },
    (node, isFaulty) => {
      node.errors = isFaulty ? [new Error('no such file')] : []
    },
  ),
  alertCase(
    { title: 'its Collector is away', alert: 'AgentPushFails', window: 10, waits: 15 },
    (node, isFaulty) => {
      node.exports.countFailed('UNAVAILABLE', isFaulty ? 1000 : 0)
    },
  ),
  alertCase(
    { title: 'too many series', alert: 'AgentLeavesSeriesOut', window: 0, waits: 10 },
    (node, isFaulty) => {
      node.dropped = isFaulty ? 5 : 0
    },
  ),
  alertCase(
    { title: 'the runtime does not answer', alert: 'AgentKnowsNoNames', window: 0, waits: 15 },
    ({ source }, isFaulty) => {
      source.failure = isFaulty ? new Error('connection refused') : undefined
    },
  ),
  alertCase(
    { title: 'the clock is behind', alert: 'AgentSnapshotIsStale', window: 0, waits: 5 },
    (node, isFaulty, minute) => {
      if (isFaulty) node.collected = minute - 4
    },
  ),
  alertCase(
    { title: 'the clock is ahead', alert: 'AgentSnapshotIsStale', window: 0, waits: 5 },
    (node, isFaulty, minute) => {
      if (isFaulty) node.collected = minute + 4
    },
  ),
  alertCase(
    { title: 'procfs is away', alert: 'ProcessesAreNotRead', window: 5, waits: 5 },
    (node, isFaulty) => {
      if (isFaulty) node.unread++
    },
  ),
]
