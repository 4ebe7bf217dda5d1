/** A containerd of the check's own, with its CRI plugin, and pods made through it as a kubelet makes them. */
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, globSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type Client,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { endChild, run, type Scope } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'
import { IMAGE, makeImages, PAUSE_IMAGE } from './image.ts'

const PROTO = fileURLToPath(new URL('runtime.proto', import.meta.url))
const READY_SECONDS = 30
/** Of the CRI's NamespaceMode. */
const CONTAINER = 1
const NODE = 2
const NAMESPACES = { network: NODE, pid: CONTAINER, ipc: NODE }

type Method = (request: object, answer: (error: Error | null, response: object) => void) => void

/** The CRI over a socket: any call of the proto file. */
class Cri {
  readonly #client: Client

  constructor(socket: string) {
    const definition = loadSync(PROTO, { keepCase: true, longs: Number, defaults: true })
    const { runtime } = loadPackageDefinition(definition) as unknown as {
      runtime: { v1: { RuntimeService: ServiceClientConstructor } }
    }
    this.#client = new runtime.v1.RuntimeService(`unix://${socket}`, credentials.createInsecure())
  }

  call<T>(method: string, request: object = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = (this.#client as unknown as Record<string, Method>)[method].bind(this.#client)
      call(request, (error, response) => (error === null ? resolve(response as T) : reject(error)))
    })
  }

  close(): void {
    this.#client.close()
  }
}

export interface PodSpec {
  readonly name: string
  readonly namespace: string
  /** Below the root of the cgroup hierarchies; `POD` stands for the uid. */
  readonly cgroupParent: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface RunningPod extends PodSpec {
  readonly uid: string
  readonly id: string
}

/** What a container is made of, in the CRI's own words. */
export interface ContainerConfig {
  readonly image: { readonly image: string }
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly envs?: readonly { readonly key: string; readonly value: string }[]
  readonly mounts?: readonly object[]
  readonly linux?: { readonly resources?: object; readonly security_context?: object }
}

export interface RunningContainer {
  readonly id: string
  readonly name: string
  /** Of its first process. */
  readonly pid: number
}

export class Containerd {
  readonly socket: string
  readonly #scope: Scope
  readonly #cri: Cri
  readonly #configuration: string
  readonly #configs = new Map<string, object>()
  #child: ChildProcess | undefined

  private constructor(scope: Scope, socket: string, configuration: string) {
    this.#scope = scope
    this.socket = socket
    this.#configuration = configuration
    this.#cri = new Cri(socket)
  }

  /** @throws MissingPeer */
  static async start(scope: Scope): Promise<Containerd> {
    await needPackage('containerd', 'containerd', 'ctr')
    await needPackage('runc', 'runc')
    await needPackage('busybox-static', 'busybox')
    const directory = scope.directory()
    const socket = join(directory, 'containerd.sock')
    const file = join(directory, 'config.toml')
    writeFileSync(file, configuration(directory, socket))
    const hadCgroups = new Set(podCgroups())
    scope.onEnd(() => removeCgroups(hadCgroups))
    const containerd = new Containerd(scope, socket, file)
    scope.onEnd(() => containerd.#removeAll())
    await containerd.run()
    const images = join(directory, 'images')
    mkdirSync(images)
    await containerd.importImages(await makeImages(images))
    return containerd
  }

  async runPod(spec: PodSpec): Promise<RunningPod> {
    const uid = randomUUID()
    const { name, namespace, cgroupParent, labels = {}, annotations = {} } = spec
    const config = {
      metadata: { name, uid, namespace, attempt: 0 },
      labels: {
        ...labels,
        'io.kubernetes.pod.name': name,
        'io.kubernetes.pod.namespace': namespace,
        'io.kubernetes.pod.uid': uid,
      },
      annotations,
      linux: {
        cgroup_parent: cgroupParent.replace('POD', uid).replace('SLICE', uid.replaceAll('-', '_')),
        security_context: { namespace_options: NAMESPACES },
      },
    }
    const { pod_sandbox_id: id } = await this.#cri.call<{ pod_sandbox_id: string }>(
      'RunPodSandbox',
      { config },
    )
    this.#configs.set(id, config)
    return { ...spec, uid, id }
  }

  async runContainer(pod: RunningPod, name: string, script: string): Promise<RunningContainer> {
    return await this.runConfigured(pod, name, {
      image: { image: IMAGE },
      command: ['/bin/sh', '-c', script],
    })
  }

  /** Runs a container with what the CRI's ContainerConfig has; `linux.security_context` may say more than namespaces. */
  async runConfigured(
    pod: RunningPod,
    name: string,
    { linux = {}, ...rest }: ContainerConfig,
  ): Promise<RunningContainer> {
    const config = {
      ...rest,
      metadata: { name, attempt: 0 },
      labels: { 'io.kubernetes.container.name': name },
      linux: {
        ...linux,
        security_context: { ...linux.security_context, namespace_options: NAMESPACES },
      },
    }
    const { container_id: id } = await this.#cri.call<{ container_id: string }>('CreateContainer', {
      pod_sandbox_id: pod.id,
      config,
      sandbox_config: this.#configs.get(pod.id),
    })
    await this.#cri.call('StartContainer', { container_id: id })
    const { info } = await this.#cri.call<{ info: Record<string, string> }>('ContainerStatus', {
      container_id: id,
      verbose: true,
    })
    const { pid } = JSON.parse(info.info) as { pid: number }
    return { id, name, pid }
  }

  async removePod({ id }: Pick<RunningPod, 'id'>): Promise<void> {
    this.#configs.delete(id)
    await this.#cri.call('StopPodSandbox', { pod_sandbox_id: id })
    await this.#cri.call('RemovePodSandbox', { pod_sandbox_id: id })
  }

  /** Takes images from an archive of the form that `docker save` has. */
  async importImages(archive: string): Promise<void> {
    const ctr = ['-a', this.socket, '-n', 'k8s.io', 'images', 'import', archive]
    const { code, output } = await run('ctr', ctr)
    if (code !== 0) throw new Error(`ctr: ${output}`)
  }

  /** Starts the daemon, if it isn't there. */
  async run(): Promise<void> {
    const isRunning = this.#child?.exitCode === null && this.#child.signalCode === null
    if (!isRunning) {
      this.#child = this.#scope.spawn('containerd', ['-c', this.#configuration])
    }
    await this.#untilReady()
  }

  /** Ends the daemon; its containers run on. */
  async stop(): Promise<void> {
    if (this.#child !== undefined) await endChild(this.#child)
  }

  async #untilReady(): Promise<void> {
    const deadline = Date.now() + READY_SECONDS * 1000
    for (;;) {
      try {
        await this.#cri.call('Version')
        return
      } catch (error) {
        if (Date.now() > deadline) throw error
        await delay(100)
      }
    }
  }

  async #removeAll(): Promise<void> {
    if (this.#configs.size > 0) await this.run()
    for (const id of [...this.#configs.keys()]) await this.removePod({ id })
    this.#cri.close()
    await this.stop()
  }
}

function configuration(directory: string, socket: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  const unused = ['btrfs', 'zfs', 'devmapper', 'aufs'].map(
    (name) => `"io.containerd.snapshotter.v1.${name}"`,
  )
  return `version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = [${unused.join(', ')}]
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"
[${cri}]
  sandbox_image = "${PAUSE_IMAGE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [${cri}.cni]
    bin_dir = "${directory}/cni/bin"
    conf_dir = "${directory}/cni/net.d"
  [${cri}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [${cri}.containerd.runtimes.runc.options]
      SystemdCgroup = false
`
}

/** Runtimes leave the directories above a pod behind. */
function podCgroups(): string[] {
  const patterns = ['/sys/fs/cgroup/kubepods*/**/', '/sys/fs/cgroup/*/kubepods*/**/']
  return globSync(patterns).map((path) => path.replace(/\/$/, ''))
}

function removeCgroups(keep: ReadonlySet<string>): void {
  const mine = podCgroups().filter((path) => !keep.has(path))
  for (const path of mine.sort((a, b) => b.length - a.length)) {
    try {
      if (existsSync(path)) rmdirSync(path)
    } catch {
      // Not empty: then it is not only ours.
    }
  }
}
