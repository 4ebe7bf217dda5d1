import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Check, require } from '../check.ts'
import { type ExportRequest, Receiver } from '../churn/receiver.ts'
import { startAgent } from '../support/agent.ts'
import { MissingPeer, needPackage } from '../support/packages.ts'

const LIBRARY = '/usr/lib/*/faketime/libfaketime.so.1'
const SETTLE_SECONDS = 6
/** Seconds by which the wall clock is off, one after the other; the monotonic clock goes on. */
const OFFSETS = [0, -3600, 600, -86_400]
const NANOSECONDS = 1_000_000_000n

export const check: Check = {
  title:
    'a wall clock that is set back and forth: no start after its time, times as the clock shows them',

  async run({ scope, print }) {
    await needPackage('libfaketime', 'apt-get')
    const [library] = globSync(LIBRARY)
    if (library === undefined) throw new MissingPeer(`${LIBRARY} is not there`)
    const file = join(scope.directory(), 'offset')
    let offset = 0
    const setClock = (seconds: number) => {
      offset = seconds
      writeFileSync(file, `${seconds >= 0 ? '+' : ''}${seconds}s\n`)
    }
    const found = { points: 0, backwards: 0, latest: 0n }
    const take = ({ resourceMetrics }: ExportRequest) => {
      for (const { metrics } of resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics)) {
        for (const { startTimeUnixNano, timeUnixNano } of metrics.flatMap(
          ({ sum }) => sum?.dataPoints ?? [],
        )) {
          const [start, time] = [BigInt(startTimeUnixNano ?? 0), BigInt(timeUnixNano ?? 0)]
          found.points++
          if (start > time) found.backwards++
          found.latest = time
        }
      }
    }
    setClock(0)
    const receivers = await Promise.all([Receiver.start(scope, take), Receiver.start(scope, take)])
    for (const [index, temporality] of ['cumulative', 'delta'].entries()) {
      await startAgent(
        scope,
        [
          '--exporters=prometheus,otlp',
          `--otlp.endpoint=${receivers[index].endpoint}`,
          `--otlp.temporality=${temporality}`,
          '--otlp.interval=1s',
          '--process-groups.threads=true',
        ],
        '',
        [
          'env',
          `LD_PRELOAD=${library}`,
          `FAKETIME_TIMESTAMP_FILE=${file}`,
          'FAKETIME_DONT_FAKE_MONOTONIC=1',
          'FAKETIME_NO_CACHE=1',
        ],
      )
    }
    let points = 0
    for (const seconds of OFFSETS) {
      setClock(seconds)
      await delay(SETTLE_SECONDS * 1000)
      const away = BigInt(Date.now() + offset * 1000) * 1_000_000n - found.latest
      print(
        `${seconds} s: ${found.points} points, ${found.backwards} with a start after their time`,
      )
      require(found.points > 0, 'nothing is pushed')
      require(found.backwards === 0, `${found.backwards} points start after their time`)
      require(away > -NANOSECONDS && away < 60n * NANOSECONDS, `times are ${away} ns off`)
      points += found.points
      Object.assign(found, { points: 0, backwards: 0 })
    }
    return `${points} points over ${OFFSETS.length - 1} steps of the clock, none with a start after its time`
  },
}
