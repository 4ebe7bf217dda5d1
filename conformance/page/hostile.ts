/** Names that would like to be more than names. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { field, message, startCriServer } from '../../test/support/cri-server.ts'
import { intoCgroup } from '../support/cgroups.ts'
import type { Scope } from '../support/children.ts'

/** Script, markup, bidirectional and control characters. */
const HOSTILE = {
  process: '<img src=x onerror=alert(1)>',
  bidi: '\u202Egnp.exe\u2066',
  control: 'a\u001b[31mb\u0007',
  container: '<script>alert(2)</script>',
  pod: '"><svg onload=alert(3)>',
  namespace: '</bdi></div><h1>x</h1>\u202Eevil',
  image: "javascript:alert(4)//'",
} as const

/** What of each is to be seen on the page. */
export const VISIBLE = {
  process: HOSTILE.process,
  bidi: '⟨202E⟩gnp.exe⟨2066⟩',
  control: 'a␛[31mb␇',
  container: HOSTILE.container,
  pod: HOSTILE.pod,
  namespace: '</bdi></div><h1>x</h1>⟨202E⟩evil',
} as const

/**
 * Starts processes with such names, and a container whose runtime reports such names.
 *
 * @returns the runtime's socket.
 */
export async function startHostile(scope: Scope): Promise<string> {
  for (const name of [HOSTILE.process, HOSTILE.bidi, HOSTILE.control]) {
    scope.spawn('/bin/bash', ['-c', 'exec -a "hostile $0" sleep 100000', name])
  }
  const id = 'badc0ffe'.repeat(8)
  const sandbox = 'deadbeef'.repeat(8)
  const uid = randomUUID()
  const pid = scope.spawn('sleep', ['100000']).pid as number
  intoCgroup(scope, pid, `kubepods/burstable/pod${uid}/${id}`)
  const metadata = message(field(1, HOSTILE.pod), field(2, uid), field(3, HOSTILE.namespace))
  const container = message(
    field(1, id),
    field(2, sandbox),
    field(3, message(field(1, HOSTILE.container))),
    field(4, message(field(1, 'x'), field(18, HOSTILE.image))),
    field(6, 1),
  )
  const socket = join(scope.directory(), 'cri.sock')
  const { server } = await startCriServer(socket, {
    Version: message(field(1, '0.1.0'), field(2, 'containerd'), field(3, '2.1.0')),
    ListPodSandbox: message(field(1, message(field(1, sandbox), field(2, metadata)))),
    ListContainers: message(field(1, container)),
  })
  scope.onEnd(() => server.forceShutdown())
  return socket
}
