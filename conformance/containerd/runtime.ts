/** Pods made through the CRI of a container runtime as a kubelet makes them. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type Client,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { run } from '../support/children.ts'
import { IMAGE } from './image.ts'

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

/** A runtime that runs; pods that it is asked for here are this check's own. */
export class Runtime {
  readonly socket: string
  readonly #cri: Cri
  readonly #configs = new Map<string, object>()

  constructor(socket: string) {
    this.socket = socket
    this.#cri = new Cri(socket)
  }

  /** Whether there are pods to be removed. */
  get hasPods(): boolean {
    return this.#configs.size > 0
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

  /**
   * Runs a command within a container, as a probe does.
   *
   * @returns its exit code.
   */
  async execute({ id }: RunningContainer, command: readonly string[]): Promise<number> {
    const { exit_code: code } = await this.#cri.call<{ exit_code: number }>('ExecSync', {
      container_id: id,
      cmd: command,
    })
    return code
  }

  async removePod({ id }: Pick<RunningPod, 'id'>): Promise<void> {
    this.#configs.delete(id)
    await this.#cri.call('StopPodSandbox', { pod_sandbox_id: id })
    await this.#cri.call('RemovePodSandbox', { pod_sandbox_id: id })
  }

  /** Removes the pods that were made here, and hangs up. */
  async close(): Promise<void> {
    for (const id of [...this.#configs.keys()]) await this.removePod({ id })
    this.#cri.close()
  }

  /** Takes images from an archive of the form that `docker save` has. */
  async importImages(archive: string): Promise<void> {
    const ctr = ['-a', this.socket, '-n', 'k8s.io', 'images', 'import', archive]
    const { code, output } = await run('ctr', ctr)
    if (code !== 0) throw new Error(`ctr: ${output}`)
  }

  async untilReady(): Promise<void> {
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
}
