/** Names from Docker, or from Podman's socket that speaks the same API: containers of a plain host. */
import { request } from 'node:http'
import type { Container, Listing, NameSource, Pod } from '../names.ts'

/** Usual paths of Docker's socket, the first that exists is used. */
export const DOCKER_SOCKETS = ['/run/docker.sock', '/var/run/docker.sock']
/** Usual paths of Podman's socket. */
export const PODMAN_SOCKETS = ['/run/podman/podman.sock']

/** The only thing that is ever asked: running containers (Docker Engine API, ContainerList). */
const PATH = '/containers/json'
const MAX_ANSWER = 64 * 1024 * 1024
const DEADLINE = 10_000

/** An element of the answer, as far as it is used; none of it is to be relied on. */
interface ListedContainer {
  readonly Id?: unknown
  readonly Names?: unknown
  readonly Image?: unknown
  readonly Created?: unknown
  readonly Labels?: unknown
}

/** A source of names that lists the containers of Docker or Podman. */
export class DockerSource implements NameSource {
  readonly name: 'docker' | 'podman'
  readonly #socket: string
  readonly #closing = new AbortController()

  constructor(name: 'docker' | 'podman', socket: string) {
    this.name = name
    this.#socket = socket
  }

  async list(signal: AbortSignal): Promise<Listing> {
    const limits = [signal, this.#closing.signal, AbortSignal.timeout(DEADLINE)]
    const body = await get(this.#socket, AbortSignal.any(limits))
    const answer: unknown = parse(this.#socket, body)
    if (!Array.isArray(answer)) throw new Error(`${this.#socket}: the answer is no list`)
    const containers = answer.flatMap((item) => containerOf(item, this.name) ?? [])
    return { containers, pods: containers.flatMap(({ pod }) => pod ?? []) }
  }

  close(): void {
    this.#closing.abort(new Error('the source of names is closed'))
  }
}

function containerOf(item: ListedContainer | null, runtime: string): Container | undefined {
  const { Id: id, Names: names, Image: image, Created: created, Labels: labels } = item ?? {}
  if (typeof id !== 'string') return undefined
  const label = (name: string) => {
    const value = (labels as Record<string, unknown> | null | undefined)?.[name]
    return typeof value === 'string' ? value : undefined
  }
  const pod = podOf(label)
  const own =
    Array.isArray(names) && typeof names[0] === 'string' ? names[0].replace(/^\//, '') : ''
  const isSandbox = label('io.kubernetes.docker.type') === 'podsandbox'
  return {
    id,
    name: isSandbox ? '' : (label('io.kubernetes.container.name') ?? own),
    isSandbox,
    runtime,
    ...(typeof image === 'string' && { image }),
    ...(typeof created === 'number' && { startedAt: created }),
    ...(pod !== undefined && { pod }),
  }
}

/** cri-dockerd labels the containers of pods. */
function podOf(label: (name: string) => string | undefined): Pod | undefined {
  const uid = label('io.kubernetes.pod.uid')
  const name = label('io.kubernetes.pod.name')
  const namespace = label('io.kubernetes.pod.namespace')
  if (uid === undefined || name === undefined || namespace === undefined) return undefined
  return { uid, cgroupUid: uid, name, namespace, labels: new Map(), annotations: new Map() }
}

function parse(socket: string, body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw new Error(`${socket}: the answer is not JSON`)
  }
}

function get(socket: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(new Error(`${socket}: ${reason}`))
    const asked = request({ socketPath: socket, path: PATH, signal }, (answer) => {
      if (answer.statusCode !== 200) {
        answer.resume()
        fail(`GET ${PATH} gives status ${answer.statusCode}`)
        return
      }
      const chunks: Buffer[] = []
      let length = 0
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        length += chunk.length
        if (length > MAX_ANSWER) asked.destroy(new Error('the answer is too large'))
      })
      answer.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
      answer.on('error', (error) => fail(error.message))
    })
    asked.on('error', (error) => fail(error.message))
    asked.end()
  })
}
