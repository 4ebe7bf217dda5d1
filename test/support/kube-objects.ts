/** Objects of the Kubernetes API as servers send them, unused fields included. */

export interface KubePod {
  readonly kind: 'Pod'
  readonly apiVersion: 'v1'
  readonly metadata: { readonly uid: string } & Readonly<Record<string, unknown>>
  readonly spec: { readonly nodeName: string } & Readonly<Record<string, unknown>>
  readonly status: Readonly<Record<string, unknown>>
}

export interface SomePod {
  readonly nodeName?: string
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: Readonly<Record<string, unknown>>
}

/** A container's id, other for each number. */
export function containerId(number: number): string {
  return number.toString(16).padStart(64, '0')
}

/** A pod's uid, other for each number. */
export function podUid(number: number): string {
  return `6f1e2a8c-3b7d-4c21-9f60-${number.toString(16).padStart(12, '0')}`
}

/** A pod of a DaemonSet with one container that runs, its id made of the number. */
export function somePod(number: number, { nodeName = 'node-a', ...other }: SomePod = {}): KubePod {
  const name = `fluent-bit-${number}`
  const startedAt = '2026-03-01T10:00:00Z'
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name,
      generateName: 'fluent-bit-',
      namespace: 'logging',
      uid: podUid(number),
      creationTimestamp: startedAt,
      labels: { app: 'fluent-bit', 'controller-revision-hash': '6c9f', tier: 'node' },
      annotations: { 'example.com/team': 'störung "ops" \\ [{]}', 'example.com/other': 'x' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'DaemonSet',
          name: 'fluent-bit',
          uid: podUid(0),
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
      managedFields: [{ manager: 'kubelet', operation: 'Update', fieldsV1: { 'f:status': {} } }],
      ...other.metadata,
    } as KubePod['metadata'],
    spec: {
      nodeName,
      containers: [
        { name: 'main', image: 'fluent/fluent-bit:3', env: [{ name: 'A', value: '"items":[' }] },
      ],
      restartPolicy: 'Always',
      ...other.spec,
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.7',
      containerStatuses: [
        {
          name: 'main',
          state: { running: { startedAt } },
          lastState: {},
          ready: true,
          restartCount: 0,
          image: 'docker.io/fluent/fluent-bit:3',
          imageID: 'docker.io/fluent/fluent-bit@sha256:ab',
          containerID: `containerd://${containerId(number)}`,
          started: true,
        },
      ],
      qosClass: 'BestEffort',
      ...other.status,
    },
  }
}

/** A `Status` object in JSON. */
export function status(code: number, reason: string, message: string): string {
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
  })
}

/** A line of a watch. */
export function watchEvent(type: string, object: string): string {
  return `{"type":"${type}","object":${object}}\n`
}
