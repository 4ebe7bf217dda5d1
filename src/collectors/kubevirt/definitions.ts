/** The metrics of KubeVirt's virtual machines, as kubevirt-metrics-collector has them and in OpenTelemetry's manner. */
import {
  type AttributeDefinition,
  type MetricTable,
  metricTable,
} from '../../telemetry/definitions.ts'

/** What the names and types of the metrics depend on. */
export interface KubevirtNaming {
  /** Name of the node, the label `host` of the classic names. */
  readonly host: string
  /** Whether labels and types are those of kubevirt-metrics-collector, its mistakes included. */
  readonly strict: boolean
}

const SCOPE = 'kubevirt'
const CPU = 'kubevirt_pod_infra_cpu_seconds_total'
const MEMORY = 'kubevirt_pod_infra_memory_amount_bytes'
/** Of the set of metrics, not of the program. */
const VERSION = '1'

/** The metrics of the processes of virtual machines. */
export function vmTable({ host, strict }: KubevirtNaming) {
  const unlessStrict = (label: string) => (strict ? false : label)
  const classic = (name: string, type: string) => ({ name, attributes: { host, type } })
  const cpu = (mode: 'user' | 'system') => ({
    description: `CPU time of the processes in ${mode} mode, of those that ended too while the machine lives`,
    kind: 'counter' as const,
    valueType: 'double' as const,
    otel: { name: 'vm.process.cpu.time', unit: 's', attributes: { 'cpu.mode': mode } },
    classic: { ...classic(CPU, mode), ...(strict && { kind: 'gauge' as const }) },
  })
  const memory = (tail: string, type: string, description: string) => ({
    description,
    kind: 'updowncounter' as const,
    valueType: 'int' as const,
    otel: { name: `vm.process.memory.${tail}`, unit: 'By' },
    classic: classic(MEMORY, type),
  })
  return metricTable({
    scope: SCOPE,
    keys: {
      'vm.name': {
        description: 'Name of the virtual machine; the PID where nothing names it',
        classic: 'domain',
      },
      'process.executable.name': {
        description: "Last part of the first argument of the process's command line",
        classic: 'process',
      },
      'vm.uid': { description: 'UID of the VirtualMachineInstance', classic: false },
      'k8s.namespace.name': {
        description: 'Namespace of the virtual machine',
        classic: unlessStrict('namespace'),
      },
      'k8s.pod.name': { description: 'Name of the pod', classic: unlessStrict('pod') },
      'k8s.pod.uid': {
        description: 'UID of the pod: while a machine migrates it has two',
        classic: unlessStrict('pod_uid'),
      },
    } satisfies Record<string, AttributeDefinition>,
    metrics: {
      user: cpu('user'),
      system: cpu('system'),
      virtual: memory('virtual', 'virtual', 'Size of the address spaces'),
      resident: memory('usage', 'resident', 'Resident memory'),
      shared: memory('shared', 'shared', 'Resident memory of files and shared memory'),
      data: memory(
        'data',
        'dirty',
        'Private writable address space and stacks, used or not; the type "dirty" of the classic name means this',
      ),
      processes: {
        description: 'Processes of that name',
        kind: 'updowncounter',
        valueType: 'int',
        otel: { name: 'vm.process.count', unit: '{process}' },
      },
    },
  })
}

/** What the collector reports of its own reading. */
export const HEALTH_TABLE = metricTable({
  scope: SCOPE,
  keys: {},
  metrics: {
    errors: {
      description:
        'Readings of processes of virtual machines that failed, though the process was there',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'kubevirt.reading.errors', unit: '{error}' },
    },
    /** Behind a switch: KubeVirt itself exports that name. */
    info: {
      description: 'Version of the set of metrics; 1',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'kubevirt.info', unit: '' },
      classic: {
        name: 'kubevirt_info',
        attributes: {
          branch: '',
          goversion: '',
          kubeversion: '',
          revision: '',
          version: VERSION,
        },
      },
    },
  },
})

/** All metrics of the collector of virtual machines. */
export function kubevirtTables(naming: KubevirtNaming): MetricTable[] {
  return [vmTable(naming), HEALTH_TABLE]
}
