/** Pods with the cgroup paths of a kubelet, a process each, and without a source of their names. */
import { randomBytes, randomUUID } from 'node:crypto'
import { intoCgroup } from './cgroups.ts'
import type { Scope } from './children.ts'

export interface MadePods {
  readonly containers: readonly {
    readonly id: string
    readonly podUid: string
    readonly pid: number
  }[]
}

/** Two pods, of two containers and one. */
export function makePods(scope: Scope): MadePods {
  const containers = [2, 1].flatMap((count) => {
    const podUid = randomUUID()
    return Array.from({ length: count }, () => {
      const id = randomBytes(32).toString('hex')
      const pid = scope.spawn('sleep', ['100000']).pid as number
      intoCgroup(scope, pid, `kubepods/burstable/pod${podUid}/${id}`)
      return { id, podUid, pid }
    })
  })
  return { containers }
}
