import { randomBytes } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { attributesOf, pointsOf, startReceiver } from '../../test/support/receiver.ts'
import { type Check, require } from '../check.ts'
import { Containerd } from '../containerd/containerd.ts'
import type { RunningContainer, RunningPod } from '../containerd/runtime.ts'
import { startAgent } from '../support/agent.ts'
import { intoCgroup } from '../support/cgroups.ts'
import { get } from '../support/http.ts'

/** In the forms in which a kubelet's two cgroup drivers ask for pods. */
const PODS = [
  { name: 'web-1', namespace: 'shop', cgroupParent: '/kubepods/burstable/podPOD' },
  { name: 'db-1', namespace: 'shop', cgroupParent: '/kubepods/besteffort/podPOD' },
  { name: 'agent-x', namespace: 'kube-system', cgroupParent: 'kubepods-podSLICE.slice' },
]
const CONTAINERS = ['main', 'sidecar']
/** Three processes in each container: the shell and two that it started. */
const SCRIPT = 'sleep 100000 & sleep 100000 & wait'
const PROCESSES = 3

interface Started {
  readonly pod: RunningPod
  readonly container: RunningContainer
}

export const check: Check = {
  title: 'a real containerd runs pods, and every process is found under its pod and container',

  async run({ scope, print }) {
    const containerd = await Containerd.start(scope)
    const receiver = await startReceiver()
    scope.onEnd(() => receiver.close())
    const started: Started[] = []
    const [first, ...others] = PODS
    started.push(...(await runPod(containerd, first)))
    const agent = await startAgent(scope, [
      `--workloads.cri-socket=${containerd.socket}`,
      '--collection.max-age=0',
      '--exporters=prometheus,otlp',
      `--otlp.endpoint=${receiver.endpoint}`,
      '--otlp.interval=500ms',
    ])
    // The first of two may share a collection that a push had begun before.
    const scrape = async () => {
      await get(`${agent.url}/metrics`)
      return parseSamples(await get(`${agent.url}/metrics`))
    }
    for (const one of started) requireFound(await scrape(), one)
    print('what ran before the agent is named at once')

    for (const spec of others) {
      const added = await runPod(containerd, spec)
      started.push(...added)
      for (const one of added) requireFound(await scrape(), one)
      print(`${spec.name} is named in the second collection after its start`)
    }
    print(`${started.length} containers of ${PODS.length} pods, ${PROCESSES} processes in each`)

    const seen = receiver.requests.length
    await receiver.received(seen + 2)
    const counts = pointsOf(receiver.requests.slice(-1)).filter(
      ({ metric }) => metric.name === 'workload.process.count',
    )
    for (const { pod, container } of started) {
      const point = counts.find(
        (candidate) => attributesOf(candidate.point)['container.id'] === container.id,
      )?.point
      require(point !== undefined, `${container.name} of ${pod.name} is not in OTLP`)
      const attributes = attributesOf(point)
      require(attributes['k8s.pod.name'] === pod.name, `${pod.name} has another name in OTLP`)
      require(attributes['k8s.pod.uid'] === pod.uid, `${pod.name} has another uid in OTLP`)
      require(Number(point.asInt) ===
        PROCESSES, `${container.name} of ${pod.name} has ${point.asInt}`)
    }
    print('OTLP has the same')

    const [gone] = started
    await containerd.removePod(gone.pod)
    const after = await scrape()
    require(!after.some(
      ({ labels }) => labels.pod_name === gone.pod.name,
    ), `series of ${gone.pod.name} go on after its end`)
    print('the series of a pod end with it')

    await containerd.stop()
    const left = started.filter(({ pod }) => pod.id !== gone.pod.id)
    // An unknown container makes the agent ask for names.
    const { pid } = scope.spawn('sleep', ['100000'])
    intoCgroup(scope, pid as number, randomBytes(32).toString('hex'))
    const lines = () => agent.log.filter((line) => line.includes('"source":"cri"'))
    while (errorsOf(await scrape()) === 0) await delay(100)
    for (const one of left) requireFound(await scrape(), one)
    require(lines().length === 1, `not one line but: ${lines().join(' ')}`)
    print(`without containerd ${left.length} containers keep their names; one line, and a counter`)

    await containerd.run()
    while (!lines().some((line) => line.includes('source of names has recovered'))) {
      await scrape()
      await delay(100)
    }
    return `${started.length} containers with ${PROCESSES} processes each; containerd away and back`
  },
}

/** Failed questions to sources of names. */
function errorsOf(samples: readonly Sample[]): number {
  const errors = samples.filter(({ name }) => name === 'otel_interrogator_name_source_errors_total')
  return errors.reduce((sum, { value }) => sum + value, 0)
}

async function runPod(containerd: Containerd, spec: (typeof PODS)[number]): Promise<Started[]> {
  const pod = await containerd.runPod(spec)
  const started: Started[] = []
  for (const name of CONTAINERS) {
    const container = await containerd.runContainer(pod, name, SCRIPT)
    while (livingIn(container) < PROCESSES) await delay(20)
    started.push({ pod, container })
  }
  return started
}

/** How many processes a container has, by the kernel. */
function livingIn({ id }: RunningContainer): number {
  return globSync('/proc/[0-9]*/cgroup').filter((file) => {
    try {
      return readFileSync(file, 'utf8').includes(id)
    } catch {
      return false
    }
  }).length
}

/** The processes that `/metrics` has for a container, in all groups. */
function processesOf(samples: readonly Sample[], { pod, container }: Started): number {
  const mine = samples.filter(
    ({ name, labels }) =>
      name === 'namedprocess_namegroup_num_procs' &&
      labels.pod_name === pod.name &&
      labels.namespace === pod.namespace &&
      labels.container_name === container.name &&
      labels.container_id === container.id,
  )
  return mine.reduce((sum, { value }) => sum + value, 0)
}

function requireFound(samples: readonly Sample[], one: Started): void {
  const found = processesOf(samples, one)
  const { pod, container } = one
  require(found ===
    PROCESSES, `${pod.name}/${container.name} has ${found} processes, not ${PROCESSES}`)
}

/** Collects until all are found; gives the number of collections. */
