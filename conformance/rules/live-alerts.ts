/** The alerts in a real Prometheus that watches the real agent, with seconds for the minute that they wait. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { endChild, type Scope } from '../support/children.ts'
import { type Prometheus, query, startPrometheus } from '../support/prometheus.ts'
import { type Alert, GROUP } from './alerts.ts'

/** What the alert waits for here, in seconds. */
const WAIT = 8
const SHORT_GAP = 1000
const PATIENCE = 60

/**
 * Lets the program of an alert be absent at the start, run, be away for a moment and end.
 *
 * @returns how long after the end the alert fired, in seconds; never less than it waits for.
 */
export async function liveThrough(scope: Scope, alert: Alert): Promise<number> {
  const directory = scope.directory()
  const program = join(directory, GROUP)
  copyFileSync('/bin/sleep', program)
  const start = () => scope.spawn(program, ['infinity'])
  const rules = join(directory, 'rules.yaml')
  writeFileSync(rules, readFileSync(alert.file, 'utf8').replaceAll('for: 1m', `for: ${WAIT}s`))

  const process_names = [{ ...alert.rule, exe: [program] }]
  const { url } = await startAgent(
    scope,
    ['--collection.max-age=0'],
    JSON.stringify({ process_names }),
  )
  const prometheus = await startPrometheus(scope, new URL(url).host, { rules })
  await until(`${alert.name} fires when the program is absent`, () => isFiring(prometheus, alert))

  const first = start()
  await until(`${alert.name} ends when the program runs`, async () => {
    return !(await isFiring(prometheus, alert))
  })
  const running = performance.now()
  await endChild(first)
  await delay(SHORT_GAP)
  const second = start()
  await delay((WAIT + 2) * 1000)
  const seconds = Math.floor((performance.now() - running) / 1000)
  const fired = await query(prometheus, `count_over_time(${firing(alert)}[${seconds}s])`)
  require(fired.length === 0, `${alert.name} fired after a gap of ${SHORT_GAP} ms`)

  const ended = performance.now()
  await endChild(second)
  await until(`${alert.name} fires when the program has ended`, () => isFiring(prometheus, alert))
  const after = (performance.now() - ended) / 1000
  require(after >= WAIT, `${alert.name} fired after ${after} s, not ${WAIT} s or more`)
  return after
}

async function isFiring(prometheus: Prometheus, alert: Alert): Promise<boolean> {
  return (await query(prometheus, firing(alert))).length > 0
}

function firing({ name }: Alert): string {
  return `ALERTS{alertname="${name}",alertstate="firing",groupname="${GROUP}"}`
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE * 1000
  while (!(await holds())) {
    require(performance.now() < deadline, `not in ${PATIENCE} s: ${what}`)
    await delay(250)
  }
}
