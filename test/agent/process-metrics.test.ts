/** The metrics of the agent's own process, under the names that every Prometheus exporter has. */
import { readdirSync, readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { startAgent } from '../../src/agent/agent.ts'
import { parseCommandLine } from '../../src/config/command-line.ts'
import { loadConfig } from '../../src/config/load.ts'
import { parseSamples } from '../support/exposition.ts'

async function scrape(t: ExecutionContext, naming: string) {
  const { flags } = parseCommandLine([`--prometheus.naming=${naming}`, '--exporters=none'])
  const { config } = loadConfig({ file: undefined, flags, environment: {} })
  const agent = await startAgent(config, '1.2.3', pino({ level: 'silent' }))
  t.teardown(() => agent.stop(0))
  const text = await agent.scrape()
  const used = process.cpuUsage()
  const descriptors = readdirSync('/proc/self/fd').length - 1
  await agent.stop(0)
  return { text, samples: parseSamples(text), used: (used.user + used.system) / 1e6, descriptors }
}

test.serial('the six standard metrics, without labels, as the kernel has them', async (t) => {
  const { text, samples, used, descriptors } = await scrape(t, 'classic')
  const sample = (name: string) => {
    const found = samples.filter((one) => one.name === name)
    t.is(found.length, 1, name)
    t.deepEqual(found[0].labels, {}, name)
    return found[0].value
  }
  const cpu = sample('process_cpu_seconds_total')
  t.true(cpu > 0 && cpu <= used)
  const page = 4096
  const [virtual, resident] = readFileSync('/proc/self/statm', 'latin1').split(' ').map(Number)
  // Both change while the test runs, by less than the half.
  for (const [name, pages] of [
    ['process_virtual_memory_bytes', virtual],
    ['process_resident_memory_bytes', resident],
  ] as const) {
    const ratio = sample(name) / (pages * page)
    t.true(ratio > 0.5 && ratio < 2, `${name} ${ratio}`)
  }
  t.true(Math.abs(sample('process_open_fds') - descriptors) < 10)
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
  t.is(sample('process_max_fds'), Number(limit))
  const started = Date.now() / 1000 - process.uptime()
  t.true(Math.abs(sample('process_start_time_seconds') - started) < 1)
  t.regex(text, /^# TYPE process_cpu_seconds_total counter$/m)
  for (const name of ['resident_memory_bytes', 'open_fds', 'max_fds', 'start_time_seconds']) {
    t.regex(text, new RegExp(`^# TYPE process_${name} gauge$`, 'm'))
  }
})

test.serial('in the otel vocabulary they are those of the semantic conventions', async (t) => {
  const names = new Set((await scrape(t, 'otel')).samples.map(({ name }) => name))
  for (const name of [
    'process_cpu_time_seconds_total',
    'process_memory_usage_bytes',
    'process_memory_virtual_bytes',
    'process_unix_file_descriptor_count',
    'process_uptime_seconds',
  ]) {
    t.true(names.has(name), name)
  }
})
