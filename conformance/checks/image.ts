import { statSync } from 'node:fs'
import { parseSamples } from '../../test/support/exposition.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import { Containerd } from '../containerd/containerd.ts'
import { NODE_FACTS, runAgent } from '../deploy/agent-pod.ts'
import { buildImage } from '../deploy/image.ts'
import { runUnderLimits } from '../deploy/long-run.ts'
import {
  agentsOf,
  type Container,
  type KubeObject,
  objectsOf,
  withVariables,
} from '../deploy/manifests.ts'
import {
  BY_RIGHTS,
  metricsSeen,
  NAMED_POD,
  NAMES,
  PROBE,
  startProbe,
} from '../deploy/rights-probe.ts'
import { get } from '../support/http.ts'
import { allOf } from '../support/parallel.ts'

const MEGABYTE = 2 ** 20

const OWN_USER = 'as a user of its own, by --user'

/** The manifest's rights, and each of them taken away. */
const RIGHTS: Readonly<Record<string, (container: Container) => Container>> = {
  'as in the manifest': (container) => container,
  'without SYS_PTRACE': (container) => withCapabilities(container, ['DAC_READ_SEARCH']),
  'without DAC_READ_SEARCH': (container) => withCapabilities(container, ['SYS_PTRACE']),
  'without any capability': (container) => withCapabilities(container, []),
  // As in the component without-root, which does not look for the socket that this user may not use.
  [OWN_USER]: (container) => ({
    ...withCapabilities(withVariables(container, { HOST_ROOT: '/nothing' }), [
      ...['SYS_PTRACE', 'DAC_READ_SEARCH', 'SETUID', 'SETGID'],
    ]),
    args: [...container.args, '--user=94640'],
  }),
  'as the user 65532': (container) => ({
    ...container,
    securityContext: { ...container.securityContext, runAsUser: 65_532 },
  }),
  'without the cgroup tree': (container) =>
    withVariables(container, { HOST_SYS_FS_CGROUP: '/nothing' }),
  "without the runtime's socket": (container) =>
    withVariables(container, { HOST_ROOT: '/nothing' }),
}

export const check: Check = {
  title: "the image, run with the manifests' rights and limits, sees what docs/security.md says",

  async run({ scope, print }) {
    const containerd = await Containerd.start(scope)
    const base = await objectsOf('base')
    const [{ image }] = agentsOf(base)
    const { archive, buildTarget } = await buildImage(scope, image)
    await containerd.importImages(archive)
    print(`the image has ${(statSync(archive).size / MEGABYTE).toFixed(0)} MiB, without a base`)

    const shop = await containerd.runPod({
      ...NAMED_POD,
      cgroupParent: '/kubepods/burstable/podPOD',
    })
    await containerd.runContainer(shop, 'main', 'sleep 100000')
    startProbe(scope)

    const other = `${image}-process-exporter`
    await containerd.importImages(await buildTarget('process-exporter', other))
    // As process-exporter's users run its image: with a privileged container's rights, and its flags alone.
    const replaced = await runAgent(scope, containerd, NODE_FACTS, base, (container) => ({
      ...container,
      image: other,
      env: [],
      args: ['-procfs', '/host/proc', `-procnames=${PROBE}`],
    }))
    const { samples, groups } = pageOf(await get(`${replaced.url}/metrics`))
    const seen = metricsSeen(samples)
    for (const wanted of ['read_bytes_total', 'memory_bytes proportionalResident']) {
      require(seen.has(wanted), `process-exporter: no ${wanted}`)
    }
    require(!seen.has('usage of cgroups'), 'process-exporter: metrics of cgroups')
    require(groups.size === 1, `process-exporter: groups ${[...groups].join(', ')}`)
    print("the target process-exporter has that program's defaults, and sees all")
    await replaced.end()

    // At once: the agent under limits is waited for.
    await allOf([
      tryRights({ scope, print }, containerd, base),
      runUnderLimits({ scope, print }, containerd, NODE_FACTS, shop),
    ])
    return `${RIGHTS_COUNT} sets of rights, and the limits of the overlay process-exporter`
  },
}

/** Runs an agent with each set of rights, and with those of the overlay `perf`. */
async function tryRights(
  { scope, print }: CheckContext,
  containerd: Containerd,
  base: readonly KubeObject[],
): Promise<void> {
  let whole: ReadonlySet<string> | undefined
  for (const [title, change] of Object.entries(RIGHTS)) {
    const agent = await runAgent(scope, containerd, NODE_FACTS, base, change)
    const seen = metricsSeen(parseSamples(await get(`${agent.url}/metrics`)))
    whole ??= seen
    const missing = [...whole.difference(seen)]
    print(`${title}: ${missing.length === 0 ? 'all' : `not ${missing.join(', ')}`}`)
    require(seen.has('cpu_seconds_total'), `${title}: no CPU time of ${PROBE}`)
    if (title === OWN_USER) {
      const missing = BY_RIGHTS.filter((wanted) => wanted !== NAMES && !seen.has(wanted))
      require(missing.length === 0, `${title}: no ${missing.join(', ')}`)
    }
    await agent.end()
  }
  for (const wanted of BY_RIGHTS) {
    require(whole?.has(wanted) === true, `as in the manifest there is no ${wanted}`)
  }

  const counting = await runAgent(scope, containerd, NODE_FACTS, await objectsOf('overlays/perf'))
  const events = parseSamples(await get(`${counting.url}/metrics`)).filter(
    ({ name, value }) => name === 'perf_event_supported' && value === 1,
  )
  require(events.length > 0, 'the overlay perf counts no event')
  print(`the overlay perf counts ${events.length} events`)
  await counting.end()
}

function pageOf(text: string) {
  const samples = parseSamples(text)
  const groups = new Set(samples.flatMap(({ labels }) => labels.groupname ?? []))
  return { samples, groups }
}

const RIGHTS_COUNT = Object.keys(RIGHTS).length

function withCapabilities(container: Container, add: readonly string[]): Container {
  const { securityContext } = container
  return {
    ...container,
    securityContext: {
      ...securityContext,
      capabilities: { ...securityContext.capabilities, add },
    },
  }
}
