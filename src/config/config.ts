/** The configuration: what the agent is told, after all layers were put on each other and checked. */
import type { KubevirtTarget } from './kubevirt-targets.ts'
import type { PressureTrigger } from './pressure-triggers.ts'
import type { ProcessNameItem } from './process-names.ts'
import type { Profile } from './profiles.ts'

/** Keys are those of the file. Durations are milliseconds, sizes bytes. */
export interface Config {
  readonly profile: Profile
  readonly exporters: readonly ('prometheus' | 'otlp' | 'none')[]
  readonly procfs: { readonly root: string }
  readonly collection: {
    readonly max_age: number
    /** 0 for none. */
    readonly interval: number
  }
  /** 0 for no limit. */
  readonly limits: { readonly series: number }
  /** The rules that name process groups; undefined for the built-in ones. */
  readonly process_names: readonly ProcessNameItem[] | undefined
  readonly process_groups: {
    readonly enabled: boolean
    readonly by_workload: boolean | 'auto'
    readonly builtin_rules: boolean
    readonly zero_rows: boolean
    readonly procnames: string
    readonly namemapping: string
    readonly recheck: boolean
    readonly recheck_time_limit: number
    readonly children: boolean
    readonly threads: boolean
    readonly smaps: boolean
    readonly regroup: 'exec' | 'title' | 'off'
    readonly refresh: number
    readonly smaps_interval: number
    readonly open_files: number
    readonly short_lived: boolean
    readonly remove_empty: boolean
  }
  readonly workloads: {
    readonly sources: readonly (
      | 'auto'
      | 'cri'
      | 'kubelet'
      | 'kubernetes'
      | 'docker'
      | 'podman'
      | 'none'
    )[]
    readonly cri_socket: string | undefined
    readonly kubelet: string | undefined
    readonly kubelet_insecure: boolean
    readonly labels: readonly string[]
    readonly annotations: readonly string[]
  }
  readonly cgroups: {
    readonly enabled: boolean
    readonly root: string | undefined
    readonly include: readonly string[]
    readonly depth: number
    readonly max: number
    readonly open_files: number
  }
  readonly pressure: { readonly triggers: readonly PressureTrigger[] }
  readonly perf: {
    readonly enabled: boolean
    readonly hardware: readonly string[]
    readonly software: readonly string[]
    readonly cache: readonly string[]
    readonly scopes: readonly ('container' | 'pod' | 'cgroup')[]
    readonly process_groups: readonly string[]
    readonly max_fds: number
  }
  readonly kubevirt: {
    readonly enabled: boolean
    readonly targets: readonly KubevirtTarget[]
    readonly info: boolean
  }
  readonly recorder: {
    readonly enabled: boolean
    readonly interval: number
    readonly window: number
    readonly max_memory: number
  }
  readonly classic: { readonly psi_prefix: string }
  readonly compat: {
    readonly process_exporter: 'corrected' | 'strict'
    readonly kubevirt: 'corrected' | 'strict'
  }
  readonly prometheus: {
    readonly host: string
    readonly port: number
    readonly path: string
    readonly naming: readonly ('otel' | 'classic' | 'cadvisor')[]
    readonly target_info: boolean
    readonly scope_labels: boolean
    readonly created: boolean
    readonly max_scrapes: number
  }
  readonly web: {
    readonly cert_file: string | undefined
    readonly key_file: string | undefined
    readonly config_file: string | undefined
    readonly max_connections: number
    readonly max_request_size: number
    readonly request_timeout: number
    readonly response_timeout: number
  }
  readonly otlp: {
    readonly endpoint: string | undefined
    readonly metrics_endpoint: string | undefined
    readonly protocol: 'grpc' | 'http/protobuf'
    readonly interval: number
    readonly export_timeout: number
    readonly timeout: number
    readonly headers: ReadonlyMap<string, string>
    readonly compression: 'none' | 'gzip'
    readonly insecure: boolean
    readonly certificate: string | undefined
    readonly client_key: string | undefined
    readonly client_certificate: string | undefined
    readonly max_request_size: number
    readonly temporality: 'cumulative' | 'delta' | 'lowmemory'
    readonly resources: 'entity' | 'single'
    readonly naming: readonly ('otel' | 'classic' | 'cadvisor')[]
  }
  readonly service: { readonly name: string | undefined }
  readonly resource: { readonly attributes: ReadonlyMap<string, string> }
  readonly node: { readonly name: string | undefined }
  readonly log: { readonly level: string }
}
