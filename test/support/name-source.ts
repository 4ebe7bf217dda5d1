/** A source of names with given answers. */
import type { Container, Listing, NameSource, Pod } from '../../src/workloads/names.ts'

export class TestSource implements NameSource {
  readonly name: string
  containers: Container[] = []
  pods: Pod[] = []
  /** What it fails with; undefined when it answers. */
  failure: Error | undefined
  asked = 0
  isClosed = false

  constructor(name = 'test') {
    this.name = name
  }

  async list(): Promise<Listing> {
    this.asked++
    if (this.failure !== undefined) throw this.failure
    return { containers: this.containers, pods: this.pods }
  }

  close(): void {
    this.isClosed = true
  }
}

export function testPod(name: string, rest: Partial<Pod> = {}): Pod {
  const uid = rest.uid ?? `00000000-0000-4000-8000-${name.padStart(12, '0').slice(0, 12)}`
  return {
    uid,
    cgroupUid: uid,
    name,
    namespace: 'default',
    labels: new Map(),
    annotations: new Map(),
    ...rest,
  }
}

export function testContainer(id: string, name: string, pod?: Pod): Container {
  return { id, name, isSandbox: false, runtime: 'containerd', ...(pod !== undefined && { pod }) }
}
