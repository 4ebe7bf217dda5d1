/** The agent in a cgroup namespace of its own, as an unprivileged container on a cgroup v2 node is. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { findOwnCgroup } from '../../src/workloads/own-cgroup.ts'
import { CGROUP2, makeCgroup, noCgroups, spawnInCgroup } from '../support/cgroup2.ts'
import { skip } from '../support/skip.ts'

const SOURCE = fileURLToPath(new URL('../../src/workloads', import.meta.url))

test('paths are those of the host all the same', async (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const path = makeCgroup(t, 'agent', 'other')
  const other = await spawnInCgroup(t, `${path}/other`, 'sleep', ['1000'])
  const script = `
    import { readFileSync } from 'node:fs'
    import { findOwnCgroup } from '${SOURCE}/own-cgroup.ts'
    import { hostPath } from '${SOURCE}/process-cgroup.ts'
    const seen = readFileSync('/proc/${other.pid}/cgroup', 'utf8').match(/^0::(.*)$/m)[1]
    const own = findOwnCgroup('${CGROUP2}')
    console.log(JSON.stringify({ seen, own, found: hostPath(seen, own), alone: hostPath(seen) }))
  `
  // It goes into its cgroup itself, for the namespace begins there.
  const enter = 'echo $$ > "$1" && exec unshare -C "$2" --input-type=module -e "$3"'
  const procs = join(CGROUP2 as string, path, 'agent', 'cgroup.procs')
  const child = spawn('sh', ['-c', enter, 'sh', procs, process.execPath, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const output = text(child.stdout)
  await once(child, 'exit')
  t.deepEqual(JSON.parse(await output), {
    seen: '/../other',
    own: `${path}/agent`,
    found: `${path}/other`,
    alone: '/other',
  })
})

test('a process that is in no cgroup of the tree', (t) => {
  t.is(findOwnCgroup('/nonexistent', 1), undefined)
  t.is(findOwnCgroup(SOURCE, 1), undefined)
})
