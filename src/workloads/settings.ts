/** Settings of the sources of container and pod names, and of the cgroup tree. */
import {
  BOOLEAN,
  DIRECTORY,
  integer,
  listOf,
  oneOf,
  PATTERN,
  TEXT,
  textLike,
} from '../lib/settings/formats.ts'
import { setting } from '../lib/settings/setting.ts'

/** A path, or the same as a URL, as the kubelet's own flag has it. */
const SOCKET = textLike('the path of a socket, or unix:// and the path', (text) =>
  /^(?:unix:\/\/)?\//.test(text),
)

const workloads = {
  sources: setting({
    doc: 'Sources of the names of containers and pods, in this order; auto asks those that are there.',
    format: listOf(oneOf('auto', 'cri', 'kubelet', 'kubernetes', 'docker', 'podman', 'none')),
    default: ['auto'],
  }),
  cri_socket: setting({
    doc: "Socket of the container runtime (CRI); without it the usual ones are tried. Access to it means control of the node; the agent's code only lists.",
    format: SOCKET,
    default: undefined,
    variables: ['CONTAINER_RUNTIME_ENDPOINT'],
  }),
  host_root: setting({
    doc: "Where the node's root directory is, below which runtimes' sockets are looked for; by default the agent's own. In a pod: /host/proc/1/root, which takes SYS_PTRACE and no mount of a socket.",
    format: DIRECTORY,
    default: undefined,
    variables: ['HOST_ROOT'],
  }),
  kubelet: setting({
    doc: "Address of this node's kubelet, to ask it for its pods: needs the right to get nodes/pods.",
    format: textLike('HOST or HOST:PORT', (text) => /^[^/\s]+$/.test(text)),
    default: undefined,
  }),
  kubelet_insecure: setting({
    doc: 'Whether any certificate of the kubelet is accepted; a man in the middle can read the token then.',
    format: BOOLEAN,
    default: false,
  }),
  labels: setting({
    doc: 'Labels of pods that rules may use; all others are dropped where they arrive.',
    format: listOf(TEXT),
    default: ['app', 'app.kubernetes.io/name'],
  }),
  annotations: setting({
    doc: 'Annotations of pods that rules may use.',
    format: listOf(TEXT),
    default: [],
  }),
}

/** Where cgroups are, and which of them are looked at. */
const cgroups = {
  root: setting({
    doc: "Where the node's cgroup hierarchies are mounted.",
    format: DIRECTORY,
    default: '/sys/fs/cgroup',
    variables: ['HOST_SYS_FS_CGROUP'],
  }),
  include: setting({
    doc: 'Further cgroups to measure, by path, such as system.slice/*.',
    format: listOf(PATTERN),
    default: [],
  }),
  depth: setting({
    doc: 'How deep below the root cgroups are looked for.',
    format: integer(1, 100),
    default: 16,
  }),
  max: setting({
    doc: 'How many cgroups are looked at; those beyond are counted.',
    format: integer(1, 1_000_000),
    default: 20_000,
  }),
}

const node = {
  name: setting({
    doc: 'Name of the node, for host.name; by default the name that the system has.',
    format: TEXT,
    default: undefined,
    variables: ['NODE_NAME', 'K8S_NODE_NAME', 'OTEL_K8S_NODE_NAME'],
  }),
}

/** The sections `workloads`, `node` and `cgroups` of the schema, as far as several collectors share them. */
export const WORKLOAD_SETTINGS = {
  cgroups,
  node,
  workloads,
}
