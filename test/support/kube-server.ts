/** A kubelet and an API server on loopback, as far as pods go: lists in pages, watches, and their refusals. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { type KubePod, status, watchEvent } from './kube-objects.ts'

export type RequestKind = 'list' | 'watch' | 'kubelet'

/** How a request is answered instead of as it ought to be. */
export interface KubeAnswer {
  /** Other requests are answered as they ought to be; any, when undefined. */
  readonly to?: RequestKind
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Breaks the connection off after the body. */
  readonly isCut?: boolean
  /** Says nothing more, and does not end. */
  readonly hangs?: boolean
}

export interface KubeRequest {
  readonly kind: RequestKind
  readonly query: URLSearchParams
  /** False when the token was not the one of that time. */
  readonly isAuthentic: boolean
}

/** A watch that is open. */
export interface OpenWatch {
  /** Writes what may be no event, or half of one. */
  write(text: string): void
  bookmark(): void
  /** As a server does after `timeoutSeconds`. */
  end(): void
  /** As when the server is killed. */
  cut(): void
}

export interface KubeServer {
  readonly port: number
  /** The bearer token that is taken. */
  token: string
  /** Whether the token's account may do what it asks for. */
  isAllowed: boolean
  readonly requests: KubeRequest[]
  /** Paths that were asked for and are none of its own. */
  readonly unknown: string[]
  /** How the next requests are answered, one after the other; then as they ought to be. */
  readonly answers: KubeAnswer[]
  /** Those that are open, in the order that they came. */
  readonly watches: OpenWatch[]
  /** Adds a pod, or changes the one of that uid, and tells the watches. */
  put(pod: KubePod): void
  /** Deletes the pod and tells the watches. */
  delete(pod: KubePod): void
  /** Forgets all events so far: watches from before are gone, told with an event or with a status. */
  compact(how: 'event' | 'status'): void
  /** Ends connections and the server. */
  close(): void
  /** On the same port, after `close`. */
  reopen(): Promise<void>
}

interface KubeServerOptions {
  readonly key: string
  readonly certificate: string
}

interface LoggedEvent {
  readonly version: number
  readonly type: string
  readonly pod: KubePod
}

const FORBIDDEN: Readonly<Record<RequestKind, string>> = {
  kubelet: 'Forbidden (user=system:serviceaccount:x:y, verb=get, resource=nodes, subresource=pods)',
  list: status(403, 'Forbidden', 'pods is forbidden: User "x" cannot list resource "pods"'),
  watch: status(403, 'Forbidden', 'unknown (get pods)'),
}

const REASONS: Readonly<Record<number, string>> = { 401: 'Unauthorized', 410: 'Expired' }

/** What kubectl asks first. */
const DISCOVERY: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [
      {
        name: 'pods',
        singularName: '',
        namespaced: true,
        kind: 'Pod',
        verbs: ['get', 'list', 'watch'],
      },
    ],
  },
}

export async function startKubeServer({
  key,
  certificate,
}: KubeServerOptions): Promise<KubeServer> {
  const pods = new Map<string, KubePod>()
  const log: LoggedEvent[] = []
  const listeners = new Set<(event: LoggedEvent) => void>()
  let version = 1000
  let oldest = 1000
  let goneAs: 'event' | 'status' = 'event'

  const tell = (type: string, pod: KubePod) => {
    version++
    const versioned = {
      ...pod,
      metadata: { ...pod.metadata, resourceVersion: String(version) },
    }
    if (type === 'DELETED') pods.delete(pod.metadata.uid)
    else pods.set(pod.metadata.uid, versioned)
    const event = { version, type, pod: versioned }
    log.push(event)
    for (const listener of listeners) listener(event)
  }

  const list = (query: URLSearchParams, response: ServerResponse) => {
    if (query.has('continue') && query.has('resourceVersion')) {
      send(response, 400, status(400, 'BadRequest', 'resourceVersion is not allowed with continue'))
      return
    }
    const limit = Number(query.get('limit') ?? Number.POSITIVE_INFINITY)
    const [start, at] = (query.get('continue') ?? `0 ${version}`).split(' ').map(Number) as number[]
    const selected = [...pods.values()].filter((pod) => isSelected(query, pod))
    const end = (start as number) + limit
    const metadata = {
      resourceVersion: String(at),
      ...(end < selected.length && {
        continue: `${end} ${at}`,
        remainingItemCount: selected.length - end,
      }),
    }
    const items = selected.slice(start, end)
    send(response, 200, JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata, items }))
  }

  const watch = (query: URLSearchParams, response: ServerResponse) => {
    const from = Number(query.get('resourceVersion'))
    const gone = status(410, 'Expired', `too old resource version: ${from} (${oldest})`)
    if (from < oldest && goneAs === 'status') {
      send(response, 410, gone)
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    if (from < oldest) {
      response.end(watchEvent('ERROR', gone))
      return
    }
    response.flushHeaders()
    const deliver = (event: LoggedEvent) => {
      if (event.version > from && isSelected(query, event.pod)) {
        response.write(watchEvent(event.type, JSON.stringify(event.pod)))
      }
    }
    for (const event of log) deliver(event)
    listeners.add(deliver)
    const open: OpenWatch = {
      write: (text) => response.write(text),
      bookmark: () => {
        const metadata = { resourceVersion: String(version), creationTimestamp: null }
        const pod = { kind: 'Pod', apiVersion: 'v1', metadata, spec: { containers: null } }
        response.write(watchEvent('BOOKMARK', JSON.stringify({ ...pod, status: {} })))
      },
      end: () => {
        forget()
        response.end()
      },
      cut: () => {
        forget()
        response.destroy()
      },
    }
    const forget = () => {
      listeners.delete(deliver)
      const index = server.watches.indexOf(open)
      if (index >= 0) server.watches.splice(index, 1)
    }
    server.watches.push(open)
    response.on('close', forget)
  }

  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'https://localhost')
    const discovery = DISCOVERY[pathname]
    if (discovery !== undefined) {
      send(response, 200, JSON.stringify(discovery))
      return
    }
    const kind = kindOf(pathname, query)
    if (kind === undefined) {
      server.unknown.push(pathname)
      send(response, 404, status(404, 'NotFound', 'the server could not find the resource'))
      return
    }
    const isAuthentic = request.headers.authorization === `Bearer ${server.token}`
    server.requests.push({ kind, query, isAuthentic })
    const index = server.answers.findIndex(({ to = kind }) => to === kind)
    const [answer] = index < 0 ? [] : server.answers.splice(index, 1)
    if (answer !== undefined) {
      response.writeHead(answer.status ?? 200, { ...answer.headers })
      response.flushHeaders()
      response.write(answer.body ?? '', () => answer.isCut && response.destroy())
      if (!answer.isCut && !answer.hangs) response.end()
    } else if (!isAuthentic) {
      const refused =
        kind === 'kubelet' ? 'Unauthorized' : status(401, 'Unauthorized', 'Unauthorized')
      send(response, 401, refused)
    } else if (!server.isAllowed) send(response, 403, FORBIDDEN[kind])
    else if (kind === 'watch') watch(query, response)
    else list(query, response)
  }

  const https = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, handle)
  const listen = (port: number) =>
    new Promise<void>((resolve) => https.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const server: KubeServer = {
    port: (https.address() as AddressInfo).port,
    token: 'token-1',
    isAllowed: true,
    requests: [],
    unknown: [],
    answers: [],
    watches: [],
    put: (pod) => tell(pods.has(pod.metadata.uid) ? 'MODIFIED' : 'ADDED', pod),
    delete: (pod) => tell('DELETED', pod),
    compact: (how) => {
      goneAs = how
      oldest = ++version
      log.length = 0
    },
    close: () => {
      https.close()
      https.closeAllConnections()
    },
    reopen: () => listen(server.port),
  }
  return server
}

/** Waits until something holds; a test that waits in vain ends with its own time. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setImmediate()
}

function kindOf(pathname: string, query: URLSearchParams): RequestKind | undefined {
  if (pathname === '/pods') return 'kubelet'
  if (pathname !== '/api/v1/pods') return undefined
  return ['1', 'true'].includes(query.get('watch') ?? '') ? 'watch' : 'list'
}

function isSelected(query: URLSearchParams, { spec: { nodeName } }: KubePod): boolean {
  const node = /^spec\.nodeName=(.+)$/.exec(query.get('fieldSelector') ?? '')?.[1]
  return node === undefined || node === nodeName
}

function send(response: ServerResponse, code: number, body: string): void {
  const isJson = body.startsWith('{')
  response.writeHead(code, REASONS[code], {
    'content-type': isJson ? 'application/json' : 'text/plain; charset=utf-8',
  })
  response.end(body)
}
